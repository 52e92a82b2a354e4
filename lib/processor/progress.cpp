// The progress line.
#include "processor/progress.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/thread.hpp"
#include "queue/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace nodespool::processor {

namespace {

constexpr std::chrono::milliseconds k_every{200};

std::string bytes_text(double bytes) {
    constexpr std::array<const char*, 6> k_units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    std::size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < k_units.size(); ++unit)
        bytes /= 1024;
    return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, k_units.at(unit));
}

std::string time_text(double seconds) {
    const auto whole = static_cast<long>(seconds);
    if (whole >= 3600)
        return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
    return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

} // namespace

Progress::Progress(std::string program, Processor& processor, const queue::Spool& spool, const Work& work)
    : m_program(std::move(program)),
      m_processor(&processor),
      m_spool(&spool),
      m_work(&work),
      m_start(spool.clock().monotonic()) {
    base::share_terminal_with_progress();
    count_queue();
    try {
        m_thread = base::start_thread([this] { run(); });
    } catch (const base::SystemError& error) { // the jobs are done without it
        base::log(base::LogLevel::warning, std::string("no progress is shown: ") + error.what());
    }
}

Progress::~Progress() {
    {
        const std::scoped_lock lock(m_mutex);
        m_is_over = true;
    }
    m_ended.notify_one();
    if (m_thread.joinable())
        m_thread.join();
    show();
    (void)std::fputc('\n', stderr);
}

void Progress::run() {
    std::unique_lock lock(m_mutex);
    while (!m_ended.wait_for(lock, k_every, [this] { return m_is_over; }))
        show();
}

void Progress::count_queue() {
    const std::vector<queue::Keyword> own = m_work->keywords();
    queue::survey(*m_spool, [&](const queue::SurveyedJob& seen) {
        if (seen.state != queue::JobState::ready ||
            std::find(own.begin(), own.end(), seen.job->keyword) == own.end())
            return;
        ++m_total.jobs;
        m_total.bytes += seen.job->size_bytes;
    });
}

void Progress::show() {
    fmt::print(stderr, "\r\033[K{}", line());
}

std::string Progress::line() const {
    const std::uint64_t jobs = m_processor->counters().ended;
    const auto bytes = static_cast<double>(m_processor->counters().bytes);
    const double seconds = std::chrono::duration<double>(m_spool->clock().monotonic() - m_start).count();
    const double rate = seconds > 0 ? bytes / seconds : 0;
    const double bytes_left = std::max(0.0, static_cast<double>(m_total.bytes) - bytes);
    std::string text = fmt::format(
        "{} {}/{} jobs  {} of {}  {}/s", m_program, jobs, std::max(jobs, m_total.jobs), bytes_text(bytes),
        bytes_text(std::max(bytes, static_cast<double>(m_total.bytes))), bytes_text(rate));
    if (rate > 0 && bytes_left > 0)
        text += fmt::format("  {} left", time_text(bytes_left / rate));
    for (const Scheduler::NodeReport& node : m_processor->nodes())
        text += fmt::format("  {} {}", node.name, to_string(node.state));
    return text;
}

} // namespace nodespool::processor
