// Lanes and their streams, on nodes that only pretend.
#include "processor/lanes.hpp"
#include "support/spool_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

using namespace nodespool;
using processor::Errand;
using processor::Job;
using processor::JobPtr;
using processor::Result;
using processor::Scheduler;

namespace {

/// What all sessions share. Each session has up to `window` requests under way and ends the oldest first.
struct FakeNodes {
    std::size_t window = 64;
    std::size_t most_connections = 1000; ///< beyond these it answers 421
    std::function<void(const std::string& node, const std::string& name)> work = [](const auto&,
                                                                                    const auto&) {};
    std::set<std::string> breaks; ///< names whose failure breaks the connection

    std::mutex mutex;
    std::vector<std::string> order; ///< "NODE NAME" as they ended well
    std::size_t connections = 0;
    std::size_t runs = 0;
    std::size_t opened = 0;
    std::size_t most_under_way = 0; ///< of one session
};

class FakeSession final : public node::Session {
  public:
    FakeSession(FakeNodes& nodes, std::string name) : m_nodes(&nodes), m_name(std::move(name)) {
        const std::scoped_lock lock(nodes.mutex);
        ++nodes.opened;
    }
    ~FakeSession() override {
        const std::scoped_lock lock(m_nodes->mutex);
        m_nodes->connections -= m_is_connected ? 1 : 0;
    }

    void run(node::Feed& feed) override {
        {
            const std::scoped_lock lock(m_nodes->mutex);
            ++m_nodes->runs;
        }
        std::deque<node::Request*> under_way;
        for (;;) {
            while (under_way.size() < m_nodes->window) {
                node::Request* const request = feed.next();
                if (request == nullptr)
                    break;
                under_way.push_back(request);
            }
            if (under_way.empty())
                return;
            {
                const std::scoped_lock lock(m_nodes->mutex);
                m_nodes->most_under_way = std::max(m_nodes->most_under_way, under_way.size());
            }
            node::Request& request = *under_way.front();
            under_way.pop_front();
            m_under_way = under_way.size();
            work_off(request);
            const std::exception_ptr error = request.error;
            const bool is_broken = error && m_nodes->breaks.contains(request.name);
            feed.ended(request);
            for (; is_broken && !under_way.empty(); under_way.pop_front()) {
                under_way.front()->error = error;
                feed.ended(*under_way.front());
            }
            m_under_way = under_way.size();
        }
    }
    node::Removal remove(const std::string&) override {
        CHECK(m_under_way == 0); // a stream is drained before anything else
        return node::Removal::removed;
    }
    void put(const std::string&, node::Source&) override {}
    void get(const std::string&, node::Sink&) override {}
    std::optional<std::uint64_t> size(const std::string&) override { return std::nullopt; }
    void list(const node::ListVisitor&, node::Times) override {}
    std::vector<std::string> features() override { return {}; }

  private:
    void work_off(node::Request& request) {
        try {
            connect();
            m_nodes->work(m_name, request.name);
            const std::scoped_lock lock(m_nodes->mutex);
            m_nodes->order.push_back(m_name + " " + request.name);
        } catch (...) {
            request.error = std::current_exception();
        }
    }
    void connect() {
        const std::scoped_lock lock(m_nodes->mutex);
        if (m_is_connected)
            return;
        if (m_nodes->connections >= m_nodes->most_connections)
            throw node::NodeError(node::Failure::temporary, m_name, "421 too many connections",
                                  node::Refusal::connection);
        ++m_nodes->connections;
        m_is_connected = true;
    }

    FakeNodes* m_nodes;
    std::string m_name;
    bool m_is_connected = false;
    std::size_t m_under_way = 0;
};

/// Names say what becomes of a job: "ends..." in begin(), "broken..." there by an error of the cluster
/// server, "starved..." there by a lack of memory, "changed..." when it arrives; "copied..." has n1 as its
/// source and goes through act(), to any node but n1.
class FakeWork final : public processor::Work {
  public:
    std::vector<queue::Keyword> keywords() const override { return {queue::Keyword::store}; }
    std::string_view verb() const override { return "store"; }
    std::string_view done_word() const override { return "stored"; }
    processor::Use use() const override { return processor::Use::new_copies; }
    processor::Assessment assess(Job&) override { return {}; }
    std::unique_ptr<Errand> begin(Job& job, const std::string& node) override {
        if (job.record.path.starts_with("ends")) {
            job.outcome = {Result::stale, "so it is"};
            return nullptr;
        }
        if (job.record.path.starts_with("broken"))
            throw base::Error(base::ErrorClass::io, "no disk");
        if (job.record.path.starts_with("starved"))
            throw std::bad_alloc();
        return std::make_unique<FakeErrand>(*this, job, node);
    }
    void act(Job& job, processor::HeldNodes* held) override { acts(job, *held); }
    void commit(std::vector<Job*>&) override {}
    void release(std::vector<Job*>&) override {}
    void clean_up() override {}

    std::mutex mutex;
    std::size_t open = 0;
    std::size_t most_open = 0;
    std::function<void(Job&, processor::HeldNodes&)> acts;
    bool is_connecting = false;              ///< what every failure of the test is
    std::vector<std::string> taken_back;     ///< over a session
    std::vector<std::string> not_taken_back; ///< without one

  private:
    class FakeErrand final : public Errand {
      public:
        FakeErrand(FakeWork& work, const Job& job, std::string node)
            : m_work(&work),
              m_node(std::move(node)) {
            request.kind = node::Request::Kind::remove;
            request.name = job.record.path;
            const std::scoped_lock lock(work.mutex);
            work.most_open = std::max(work.most_open, ++work.open);
        }
        ~FakeErrand() override {
            const std::scoped_lock lock(m_work->mutex);
            --m_work->open;
        }
        void arrived(Job& job) override {
            if (request.name.starts_with("changed"))
                throw processor::FileChanged{};
            job.outcome = {Result::done, ""};
            job.outcome.node = m_node;
        }
        bool take_back(node::Session* session, Reach reach) override {
            CHECK((reach == Reach::connecting) == m_work->is_connecting);
            const std::scoped_lock lock(m_work->mutex);
            (session != nullptr ? m_work->taken_back : m_work->not_taken_back).push_back(request.name);
            if (session != nullptr)
                session->remove(request.name);
            return true;
        }

      private:
        FakeWork* m_work;
        std::string m_node;
    };
};

class Lab {
  public:
    Lab(std::initializer_list<unsigned> connections, unsigned lanes) : m_lanes(lanes) {
        for (const unsigned count : connections) {
            node::NodeConfig config;
            config.name = "n" + std::to_string(m_configs.size() + 1);
            config.connections = count;
            m_configs.push_back(config);
        }
        scheduler = std::make_unique<Scheduler>(m_configs, lanes, m_spool.clock);
    }

    void queue(const std::vector<std::string>& lines) {
        const std::string name = std::to_string(++m_files) + ".q";
        std::string text;
        for (const std::string& line : lines)
            text += line + "\n";
        m_spool.write(name, text);
        auto file = std::make_shared<processor::OpenFile>();
        file->claimed = queue::ClaimedFile::claim(m_spool.spool, name);
        while (const auto line = file->claimed->next()) {
            auto job = std::make_unique<Job>();
            job->file = file;
            job->line = queue::mark_of(*line);
            job->record = queue::parse_job(line->text, {}, nullptr);
            if (job->record.path.starts_with("copied")) {
                job->need.sources = {true, false};
                job->need.barred = {true, false};
            }
            REQUIRE(scheduler->place(job) == Scheduler::Placement::placed);
            ++m_placed;
        }
    }
    void queue_many(std::size_t count, const std::string& rest = "1 1", const std::string& prefix = "f") {
        std::vector<std::string> lines;
        for (std::size_t i = 0; i < count; ++i)
            lines.push_back("store " + prefix + std::to_string(i) + " " + rest);
        queue(lines);
    }

    /// Until every job has ended, those that the scheduler gave back included.
    void run(std::size_t under_way = 1000) {
        {
            processor::Lanes lanes(
                {m_lanes, under_way}, *scheduler, work, {}, [this](JobPtr job) { end(std::move(job)); },
                [this](const node::NodeConfig& config, const node::Interrupt&) {
                    return std::make_unique<FakeSession>(nodes, config.name);
                });
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [this] { return ended.size() == m_placed; });
            lock.unlock();
            scheduler->close();
        }
        std::set<std::string> names;
        for (const JobPtr& job : ended)
            CHECK_MESSAGE(names.insert(job->record.path).second, job->record.path, " ended twice");
        CHECK(work.open == 0);
    }
    void end(JobPtr job) {
        const std::scoped_lock lock(m_mutex);
        ended.push_back(std::move(job));
        m_changed.notify_one();
    }
    /// As a stop signal does.
    void stop() {
        for (JobPtr& job : scheduler->close()) {
            job->outcome = {Result::left, "stopped"};
            end(std::move(job));
        }
    }

    void pass(std::chrono::seconds time) { m_spool.clock.since_start += time; }

    [[nodiscard]] std::size_t count(Result result) const {
        return static_cast<std::size_t>(std::count_if(
            ended.begin(), ended.end(), [&](const JobPtr& job) { return job->outcome.result == result; }));
    }
    [[nodiscard]] const Job& job(const std::string& name) const {
        return **std::find_if(ended.begin(), ended.end(),
                              [&](const JobPtr& each) { return each->record.path == name; });
    }
    void edit(const std::string& from, const std::string& to) const {
        std::string text = m_spool.text("1.q");
        text.replace(text.find(from), from.size(), to);
        m_spool.write("1.q", text);
    }

    FakeNodes nodes;
    FakeWork work;
    std::unique_ptr<Scheduler> scheduler;
    std::vector<JobPtr> ended;

  private:
    test::SpoolFixture m_spool;
    std::vector<node::NodeConfig> m_configs;
    unsigned m_lanes;
    std::size_t m_files = 0;
    std::size_t m_placed = 0;
    std::mutex m_mutex;
    std::condition_variable m_changed;
};

node::NodeError failure(node::Failure how) {
    return {how, "n1", "so it fails"};
}

} // namespace

TEST_CASE("a lane has many jobs under way over one session, and each ends once") {
    Lab lab({1}, 1);
    lab.queue_many(500);
    lab.run();
    CHECK(lab.count(Result::done) == 500);
    CHECK(lab.nodes.most_under_way == 64);
    CHECK(lab.nodes.opened == 1);
    CHECK(lab.nodes.runs == 1);
    CHECK(lab.nodes.order.front() == "n1 f0");
    CHECK(lab.nodes.order.back() == "n1 f499");
}

TEST_CASE("jobs that need no request, and errors of the cluster server, end alone") {
    Lab lab({1}, 1);
    lab.queue({"store a 1 1", "store ends 1 1", "store broken 1 1", "store b 1 1", "store edited 1 1",
               "store starved 1 1", "store c 1 1"});
    lab.edit("store edited 1 1", "store edited 2 2");
    lab.run();
    CHECK(lab.count(Result::done) == 3);
    CHECK(lab.job("ends").outcome.result == Result::stale);
    CHECK(lab.job("broken").outcome.result == Result::left);
    CHECK(lab.job("broken").outcome.io_error);
    CHECK(lab.job("starved").outcome.result == Result::left);
    CHECK(lab.job("starved").outcome.reason == "out of memory");
    CHECK(lab.job("edited").outcome.result == Result::left);
    CHECK_FALSE(lab.job("edited").outcome.io_error);
    CHECK(lab.nodes.runs == 1);
}

TEST_CASE("when the connection breaks one job has failed, and the others are done all the same") {
    Lab lab({1}, 1);
    lab.queue_many(300);
    bool has_failed = false;
    lab.nodes.breaks = {"f100"};
    lab.nodes.work = [&](const std::string&, const std::string& name) {
        if (name == "f100" && !std::exchange(has_failed, true))
            throw failure(node::Failure::temporary);
    };
    lab.run();
    CHECK(lab.count(Result::done) == 299);
    CHECK(lab.job("f100").outcome.result == Result::resubmitted);
    CHECK(lab.work.taken_back.size() == 64); // all that were under way
    CHECK(lab.scheduler->report()[0].state == processor::NodeState::up);
    CHECK(lab.nodes.order.at(100) == "n1 f101"); // put back in their order
    CHECK(lab.nodes.opened == 2);
}

TEST_CASE("a connection that always breaks takes its node down, and every job ends") {
    Lab lab({1}, 1);
    lab.queue_many(300);
    lab.nodes.work = [&](const std::string&, const std::string& name) {
        lab.nodes.breaks.insert(name);
        throw failure(node::Failure::temporary);
    };
    lab.run();
    CHECK(lab.count(Result::resubmitted) == 300);
    CHECK(lab.nodes.runs == 3);
}

TEST_CASE("a failed job is settled once the stream is drained, and goes to another node") {
    Lab lab({1, 1}, 1);
    lab.queue_many(40);
    lab.nodes.work = [](const std::string& node, const std::string& name) {
        if (node == "n1" && name == "f6")
            throw failure(node::Failure::permanent);
    };
    lab.run();
    CHECK(lab.count(Result::done) == 40);
    CHECK(lab.work.taken_back == std::vector<std::string>{"f6"});
    CHECK(lab.job("f6").outcome.node == "n2");
    CHECK(lab.nodes.opened == 2); // that a node refuses a file says nothing of the session
}

TEST_CASE("a node that is down is not asked to take anything back") {
    Lab lab({1, 1}, 1);
    lab.work.is_connecting = true;
    lab.queue_many(400);
    lab.nodes.work = [](const std::string& node, const std::string&) {
        if (node == "n1")
            throw failure(node::Failure::node_down);
    };
    lab.run();
    CHECK(lab.count(Result::done) == 400);
    CHECK(lab.work.taken_back.empty());
    CHECK(lab.work.not_taken_back.size() >= 1);
}

TEST_CASE("a file that changed is taken back and looked at later") {
    Lab lab({1}, 1);
    lab.queue({"store a 1 1", "store changed 1 1", "store b 1 1"});
    lab.run();
    CHECK(lab.count(Result::done) == 2);
    CHECK(lab.job("changed").outcome.result == Result::resubmitted);
    CHECK(lab.work.taken_back == std::vector<std::string>{"changed"});
    CHECK(lab.job("changed").tried.empty());
}

TEST_CASE("one lane serves two nodes by turns, 64 jobs at most each time") {
    Lab lab({1, 1}, 1);
    lab.queue_many(600);
    lab.run();
    CHECK(lab.count(Result::done) == 600);
    std::size_t longest = 0;
    std::size_t in_a_row = 0;
    std::map<std::string, std::size_t> per_node;
    std::string before;
    for (const std::string& each : lab.nodes.order) {
        const std::string node = each.substr(0, 2);
        in_a_row = node == before ? in_a_row + 1 : 1;
        longest = std::max(longest, in_a_row);
        before = node;
        ++per_node[node];
    }
    CHECK(per_node == std::map<std::string, std::size_t>{{"n1", 300}, {"n2", 300}});
    CHECK(longest == 64);
}

TEST_CASE("after a stop nothing new begins; what is under way ends") {
    Lab lab({1}, 1);
    lab.queue_many(300);
    std::size_t done = 0;
    lab.nodes.work = [&](const std::string&, const std::string&) {
        if (++done == 10)
            lab.stop();
    };
    lab.run();
    CHECK(lab.count(Result::done) == 73); // 9, then the 64 under way
    CHECK(lab.count(Result::left) == 227);
}

TEST_CASE("a second stop leaves what is under way, for the next run to settle") {
    Lab lab({1}, 1);
    lab.queue_many(300);
    std::size_t done = 0;
    lab.nodes.work = [&](const std::string&, const std::string&) {
        if (++done == 10)
            lab.stop();
        if (done >= 10)
            throw node::Interrupted{};
    };
    lab.run();
    CHECK(lab.count(Result::done) == 9);
    CHECK(lab.count(Result::left) == 291);
    CHECK(lab.work.taken_back.empty());
    CHECK(lab.work.not_taken_back.empty());
}

TEST_CASE("files under way fit the descriptors that there are") {
    Lab lab({4, 4}, 4);
    lab.queue_many(1000);
    lab.run(10);
    CHECK(lab.count(Result::done) == 1000);
    CHECK(lab.work.most_open <= 14);
    CHECK(lab.work.most_open >= 10);
}

TEST_CASE("a stream that is alone has under way what all lanes may have") {
    Lab lab({1}, 4);
    lab.nodes.window = 1000;
    lab.queue_many(1000);
    lab.run(256);
    CHECK(lab.count(Result::done) == 1000);
    CHECK(lab.nodes.most_under_way == 256);
}

TEST_CASE("what is under way is bounded in bytes, too") {
    Lab lab({1}, 1);
    lab.queue_many(50, std::to_string(3U << 20U) + " 1");
    lab.run();
    CHECK(lab.count(Result::done) == 50);
    CHECK(lab.nodes.most_under_way == 3);
}

TEST_CASE("a node that takes fewer connections than configured gets fewer, and no job pays for it") {
    Lab lab({8}, 8);
    lab.work.is_connecting = true;
    lab.nodes.most_connections = 2;
    lab.nodes.window = 4;
    lab.queue_many(2000);
    lab.run();
    CHECK(lab.count(Result::done) == 2000);
    for (const JobPtr& job : lab.ended)
        CHECK(job->tried.empty());
    CHECK(lab.scheduler->report()[0].state == processor::NodeState::up);
}

TEST_CASE("a node that refuses the only connection fails like any other") {
    Lab lab({8}, 8);
    lab.work.is_connecting = true;
    lab.nodes.most_connections = 0;
    lab.queue_many(100);
    lab.run();
    CHECK(lab.count(Result::resubmitted) == 100);
}

TEST_CASE("a source that was down, and refuses a connection while others are thought open, is tried again") {
    Lab lab({8, 8}, 1);
    lab.queue({"store copied1 1 1", "store down 1 1 n2", "store copied2 1 1", "store copied3 1 1"});
    lab.nodes.work = [&](const std::string&, const std::string& name) {
        if (name != "down")
            return;
        (void)lab.scheduler->failed(0, node::Failure::node_down, "it does not answer");
        lab.pass(std::chrono::minutes(1));
    };
    lab.work.acts = [](Job& job, processor::HeldNodes& nodes) {
        job.outcome = {nodes.has_source() ? Result::done : Result::resubmitted, ""};
        if (job.record.path == "copied1") // leaves an idle session behind
            nodes.source();
        if (job.record.path == "copied2") {
            const node::NodeError refused(node::Failure::temporary, "n1", "421 too many connections",
                                          node::Refusal::connection);
            CHECK(nodes.change_source(refused)); // nobody is to blame: it may be tried at once
        }
    };
    lab.run();
    CHECK(lab.job("copied3").outcome.result == Result::done);
}
