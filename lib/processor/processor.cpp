// A run from beginning to end: its passes through the spool, and what it waits for.
#include "processor/processor.hpp"

#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/staged_file.hpp"
#include "base/thread.hpp"
#include "queue/worked_off.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace nodespool::processor {

namespace {

constexpr std::size_t k_wanted_descriptors = 8192;
constexpr std::chrono::seconds k_longest_wait{60};
/// A queue file was claimed by another run, or not let go of yet by this one.
constexpr std::chrono::seconds k_busy_wait{2};

/// How many files all lanes together may have under way, besides one each. A single one has many, so that it
/// keeps a server busy that is far away.
std::size_t most_under_way(std::size_t descriptors, unsigned lanes) {
    constexpr std::size_t k_most_a_lane = 64;
    constexpr std::size_t k_most_of_few = 256;
    return std::min(descriptors / 8, std::max(k_most_of_few, k_most_a_lane * lanes));
}

/// How many queue files may be claimed at once: each holds up to two descriptors; lanes and groups need
/// theirs.
std::size_t most_open_files(std::size_t descriptors, unsigned lanes) {
    const std::size_t reserved = std::min(
        512 + 16 * static_cast<std::size_t>(lanes) + most_under_way(descriptors, lanes), descriptors * 7 / 8);
    return std::clamp<std::size_t>((descriptors - reserved) / 2, 1, 2048);
}

/// Fewer than @p wanted only where the limit is very low: a lane has sessions with a node or several, and a
/// file.
unsigned lanes_within(std::size_t descriptors, unsigned wanted) {
    constexpr std::size_t k_all_else = 32;
    constexpr std::size_t k_to_a_lane = 16;
    const std::size_t most = (descriptors - std::min(k_all_else, descriptors)) / k_to_a_lane;
    if (most >= wanted)
        return wanted;
    const auto lanes = static_cast<unsigned>(std::max<std::size_t>(most, 1));
    base::log(
        base::LogLevel::warning,
        fmt::format("{} of {} lanes: {} files may be open at once (limit: ulimit -n, or LimitNOFILE= of a "
                    "service)",
                    lanes, wanted, descriptors));
    return lanes;
}

std::size_t largest_group(std::size_t descriptors) {
    return std::clamp<std::size_t>(descriptors / 16, 4, 128);
}

} // namespace

std::uint64_t Summary::count(Result result) const {
    const auto found = ended.find(result);
    return found == ended.end() ? 0 : found->second;
}

unsigned default_lanes(const Cluster& cluster) {
    constexpr unsigned k_most = 16;
    const unsigned connections =
        std::accumulate(cluster.nodes.begin(), cluster.nodes.end(), 0U,
                        [](unsigned sum, const auto& node) { return sum + node.connections; });
    return std::clamp(connections, 1U, k_most);
}

Processor::Processor(const Cluster& cluster, const queue::Spool& spool, Work& work,
                     base::StopSignal& stop_signal, RunOptions options)
    : m_spool(&spool),
      m_work(&work),
      m_stop(&stop_signal),
      m_options(std::move(options)),
      m_descriptors(base::raise_open_file_limit(k_wanted_descriptors)),
      m_lane_count(lanes_within(m_descriptors, m_options.lanes)),
      m_most_open_files(most_open_files(m_descriptors, m_lane_count)),
      m_scheduler(cluster.nodes, m_lane_count, spool.clock()),
      m_node_memory(cluster, work, m_scheduler),
      m_places(cluster, spool, work) {
    for (const node::NodeConfig& node : cluster.nodes)
        m_node_names.insert(node.name);
    m_committer = std::make_unique<Committer>(
        spool, work, m_places,
        Committer::Exits{[this](JobPtr job) { ended(std::move(job)); },
                         [this](JobPtr job) { m_flights.look_again(std::move(job)); },
                         [this](const base::Error& error) { note_trouble(error); },
                         [this] { m_flights.file_finished(); }},
        m_options.second_look, largest_group(m_descriptors));
    m_lanes = std::make_unique<Lanes>(
        Lanes::Limits{m_lane_count, most_under_way(m_descriptors, m_lane_count)}, m_scheduler, work,
        [this] { return m_stop->state() == base::Stop::now; },
        [this](JobPtr job) { m_committer->commit(std::move(job)); });
}

Processor::~Processor() {
    m_stop->tell({});
    m_scheduler.close();
    m_lanes.reset();
    m_committer.reset();
}

Summary Processor::run() {
    m_spool->clear_abandoned();
    m_node_memory.restore_cursor();
    if (m_options.follow == Follow::yes) {
        std::vector<std::string> directories = m_work->watched_directories();
        m_places.add(directories);
        directories.push_back(m_spool->path());
        m_watch = std::make_unique<base::DirectoryWatch>(directories, m_places.paths());
    }
    m_stop->tell([this] { stop(); });
    if (is_stopping())
        stop();
    bool looked_after_given_back = false;
    for (;;) {
        const bool more = pass();
        if (m_options.follow == Follow::yes) {
            if (is_stopping())
                break;
            end_pass();
            wait_for_news();
            continue;
        }
        wait_until_all_ended();
        const bool given_back =
            m_committer->has_given_back_files() && !std::exchange(looked_after_given_back, true);
        if (is_stopping() || (!more && !given_back))
            break;
        end_pass();
    }
    wait_until_all_ended(); // the signal may have come while jobs were under way
    end_pass();
    m_stop->tell({});
    m_summary.deferred = m_deferred;
    m_summary.io_error = m_io_error;
    return m_summary;
}

/// Nothing new begins; what no lane has begun yet stays in the queue.
void Processor::stop() {
    for (JobPtr& job : m_scheduler.close()) {
        job->outcome = {Result::left, "stopped"};
        m_committer->commit(std::move(job));
    }
    m_flights.nudge();
}

/// Once through the spool. @return true where lines were passed over
bool Processor::pass() {
    prepare_pass();
    for (const std::string& name : m_spool->queue_files(m_work->keywords())) {
        look_at_returned();
        wait_until([this](std::size_t, std::size_t open_files) {
            return is_stopping() || open_files < m_most_open_files;
        });
        if (is_stopping() || (m_options.max_jobs && m_begun >= *m_options.max_jobs))
            break;
        follow_marks();
        auto claimed = claim(name);
        if (!claimed) {
            m_some_busy = true;
            continue;
        }
        auto file = std::make_shared<OpenFile>();
        file->claimed = std::move(claimed);
        m_flights.file_opened();
        feed(file);
        m_node_memory.record_changes();
    }
    return m_passed_over;
}

void Processor::wait_until_all_ended() {
    wait_until(
        [](std::size_t in_flight, std::size_t open_files) { return in_flight == 0 && open_files == 0; });
}

void Processor::prepare_pass() {
    m_passed_over = false;
    m_some_busy = false;
    m_next_due.reset();
    m_deferred = 0;
    m_places.ensure_in_place();
    follow_marks();
    try {
        queue::settle_set_aside_files(*m_spool);
        m_work->prepare();
    } catch (const base::CannotLock&) {
        throw;
    } catch (const base::Error& error) {
        note_trouble(error); // what it was to queue is still there for the next pass
    }
}

void Processor::end_pass() {
    m_places.ensure_in_place(); // clean_up() goes by what the catalogue records
    try {
        m_node_memory.save();
        if (m_flights.in_flight() == 0 && m_stop->state() != base::Stop::now) {
            m_lanes->close_scarce_sessions();
            m_work->clean_up();
        }
    } catch (const base::Error& error) {
        note_trouble(error); // the next pass does it again
    }
}

/// Marks that cannot be read stop the run: a node that is being drained must not get new files.
void Processor::follow_marks() {
    for (JobPtr& job : m_node_memory.follow_marks())
        start(std::move(job));
}

/// Meanwhile: a queue file may hold hours of work. What is wrong with either stops the run.
void Processor::look_around() {
    const base::MonotonicTime now = m_spool->clock().monotonic();
    if (now < m_next_look_around)
        return;
    m_next_look_around = now + m_options.look_around;
    m_places.ensure_in_place();
    follow_marks();
}

/// nullptr: it is not for us now. A file that cannot be read stops nothing else.
std::shared_ptr<queue::ClaimedFile> Processor::claim(const std::string& name) {
    try {
        return queue::ClaimedFile::claim(*m_spool, name);
    } catch (const base::CannotLock&) {
        throw;
    } catch (const base::Error& error) {
        note_trouble(error);
        return nullptr;
    }
}

void Processor::note_trouble(const base::Error& error) {
    base::log(base::LogLevel::error, error.what());
    m_io_error = true;
}

void Processor::wait_until(const Condition& condition) {
    for (;;) {
        look_at_returned();
        look_around();
        if (condition(m_flights.in_flight(), m_flights.open_files()))
            return;
        m_flights.wait(condition, m_options.look_around);
    }
}

/// Follow: until a queue file comes in, a job is due, a job comes back, or a signal.
void Processor::wait_for_news() {
    std::chrono::milliseconds longest = m_some_busy ? k_busy_wait : k_longest_wait;
    if (m_next_due) {
        const double due_s =
            std::clamp<double>(base::seconds_between(m_spool->clock().now(), *m_next_due), 0, 3600);
        longest = std::min(longest, std::chrono::milliseconds(static_cast<std::int64_t>(due_s * 1000) + 1));
    }
    std::atomic<bool> news{false};
    std::thread watcher;
    try {
        watcher = base::start_thread([&] {
            m_watch->wait(longest);
            news = true;
            m_flights.nudge();
        });
    } catch (const base::SystemError& error) { // what came in meanwhile is seen by the next pass
        note_trouble(error);
        m_spool->clock().sleep_for(k_busy_wait);
        return;
    }
    const auto end_watch = [&] {
        if (!news)
            m_watch->wake();
        watcher.join();
    };
    try {
        wait_until([&](std::size_t, std::size_t) { return news || is_stopping(); });
    } catch (...) {
        end_watch();
        throw;
    }
    end_watch();
}

} // namespace nodespool::processor
