// Claiming, ticking and retiring queue files.
#include "queue/claimed_file.hpp"

#include "base/deliberate_break.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

namespace nodespool::queue {

namespace {

constexpr double k_last_line_rest_s = 2;
/// Where the kernel cannot tell whether somebody writes to the file, it must have rested this long.
constexpr double k_unknown_writer_rest_s = 10;
constexpr std::string_view k_set_aside_suffix = ".done";

/// Of a longer line only so much was parsed.
std::size_t parsed_bytes(const LineMark& mark) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(mark.length, k_max_line_bytes + 1));
}

} // namespace

LineMark mark_of(const RawLine& line) {
    return {line.offset, line.number, line.length, std::hash<std::string_view>{}(line.text)};
}

ClaimedFile::ClaimedFile(const Spool& spool, std::string name, base::Fd fd, const base::FileStatus& status)
    : m_spool(&spool),
      m_name(std::move(name)),
      m_fd(std::move(fd)),
      m_status(status),
      m_reader(m_fd.get(), path()) {}

std::shared_ptr<ClaimedFile> ClaimedFile::claim(const Spool& spool, const std::string& name) {
    std::optional<base::Fd> fd = base::try_open_regular(spool.fd(), name);
    if (!fd)
        return nullptr;
    if (!base::is_broken(base::Break::claimed_unlocked) &&
        !base::lock_exclusively(fd->get(), base::LockWait::no, spool.path() + "/" + name))
        return nullptr;
    // Another processor may have finished it, or an editor replaced it, between open and lock.
    const std::optional<base::FileStatus> named = base::status_at(spool.fd(), name);
    if (!named || !named->is_same_file(base::status_of(fd->get(), name)))
        return nullptr;
    return std::shared_ptr<ClaimedFile>(new ClaimedFile(spool, name, std::move(*fd), *named));
}

std::shared_ptr<ClaimedFile> ClaimedFile::claim_set_aside(const Spool& spool, const std::string& entry) {
    std::shared_ptr<ClaimedFile> file = claim(spool, entry);
    if (file)
        file->m_name = entry.substr(1, entry.size() - k_set_aside_suffix.size() - 1);
    return file;
}

bool ClaimedFile::is_set_aside_name(std::string_view entry) {
    return entry.starts_with('.') && entry.ends_with(k_set_aside_suffix) &&
           entry.size() > k_set_aside_suffix.size() + 1;
}

base::Timestamp ClaimedFile::queued_at() const {
    return stamp_of(m_name).value_or(m_status.mtime);
}

bool ClaimedFile::means_this_file(const std::string& name) const {
    const std::optional<base::FileStatus> named = base::status_at(m_spool->fd(), name);
    return named && named->is_same_file(m_status);
}

std::string ClaimedFile::line_id(const LineMark& mark) const {
    return fmt::format("{}-{}-{}", m_status.inode, base::format_time(m_status.btime), mark.offset);
}

std::optional<RawLine> ClaimedFile::next() {
    std::optional<RawLine> line = m_reader.next();
    if (!line || line->terminated)
        return line;
    m_left_last_line = !terminate_last_line(*line);
    if (m_left_last_line)
        return std::nullopt;
    m_last_line = line->text;
    m_reader.next(); // the newline that it just got
    line->text = m_last_line;
    line->terminated = true;
    return line;
}

/// Gives a last line its newline, so that whoever appends next starts a new one. false: it is not to be run
/// now.
bool ClaimedFile::terminate_last_line(const RawLine& line) {
    const base::Timestamp now = m_spool->clock().now();
    // By the time that its writer, or a person with touch(1), gave it; one in the future says nothing.
    const double rested_s =
        m_status.mtime <= now ? base::seconds_between(m_status.mtime, now) : m_status.rested_s(now);
    const std::scoped_lock lock(m_mutex);
    m_tick_fd.reset();
    const base::Writers writers = base::writers_of(m_fd.get());
    const double needed_s =
        writers == base::Writers::cannot_tell ? k_unknown_writer_rest_s : k_last_line_rest_s;
    if ((writers == base::Writers::some || rested_s < needed_s) &&
        !base::is_broken(base::Break::last_line_run_at_once))
        return false;
    std::optional<base::Fd> fd = base::reopen_same(m_spool->fd(), m_name, m_status, O_WRONLY | O_APPEND);
    if (!fd)
        return false;
    base::write_all(fd->get(), "\n", path());
    // What stands there now: the line and its newline, or did somebody append at that very moment?
    std::string there(static_cast<std::size_t>(line.text.size()) + 1, '\0');
    const std::size_t got = base::read_some_at(m_fd.get(), there.data(), there.size(), line.offset, path());
    return line.length > k_max_line_bytes ||
           std::string_view(there).substr(0, got) == std::string(line.text) + '\n';
}

/// Does the line stand there, between newlines?
bool ClaimedFile::Window::has(const LineMark& mark) const {
    const std::size_t parsed = parsed_bytes(mark);
    const auto begin = static_cast<std::size_t>(mark.offset - offset);
    if (bytes.size() < begin + parsed || (begin > 0 && bytes[begin - 1] != '\n'))
        return false;
    if (std::hash<std::string_view>{}(std::string_view(bytes).substr(begin, parsed)) != mark.hash)
        return false;
    return mark.length > parsed || bytes.size() == begin + parsed || bytes[begin + parsed] == '\n';
}

/// At the first of @p marks and, if they follow in the order of the file, those close behind it: with the
/// newline before the first and the one after the last.
ClaimedFile::Window ClaimedFile::look_at(std::span<const LineMark> marks) const {
    constexpr std::uint64_t k_close_bytes = 4096;
    const LineMark& first = marks.front();
    Window window;
    window.offset = first.offset - (first.offset > 0 ? 1 : 0);
    std::uint64_t end = first.offset;
    for (const LineMark& mark : marks) {
        const std::uint64_t end_of_line = mark.offset + parsed_bytes(mark) + 1;
        if (mark.offset < end || (window.marks > 0 && end_of_line - window.offset > k_close_bytes))
            break;
        end = end_of_line;
        ++window.marks;
    }
    if (!means_this_file(m_name))
        return window;
    window.bytes.resize(static_cast<std::size_t>(end - window.offset));
    window.bytes.resize(
        base::read_some_at(m_fd.get(), window.bytes.data(), window.bytes.size(), window.offset, path()));
    return window;
}

bool ClaimedFile::still_reads(const LineMark& mark) const {
    return still_read({&mark, 1}).front();
}

std::vector<bool> ClaimedFile::still_read(std::span<const LineMark> marks) const {
    std::vector<bool> answers;
    answers.reserve(marks.size());
    while (!marks.empty()) {
        const Window window = look_at(marks);
        for (const LineMark& mark : marks.first(window.marks))
            answers.push_back(window.has(mark));
        marks = marks.subspan(window.marks);
    }
    return answers;
}

Tick ClaimedFile::tick(const LineMark& mark) {
    return tick(std::span(&mark, 1)).front();
}

std::vector<Tick> ClaimedFile::tick(std::span<const LineMark> marks) {
    const std::scoped_lock lock(m_mutex);
    std::vector<Tick> answers;
    answers.reserve(marks.size());
    while (!marks.empty()) {
        const Window window = look_at(marks);
        for (const LineMark& mark : marks.first(window.marks)) {
            const bool may_write =
                (window.has(mark) || base::is_broken(base::Break::tick_without_look)) && open_for_ticks();
            if (may_write)
                base::write_all_at(m_tick_fd.get(), "#", mark.offset, path());
            answers.push_back(may_write ? Tick::done : Tick::let_go);
        }
        marks = marks.subspan(window.marks);
    }
    return answers;
}

/// false: its name means another file.
bool ClaimedFile::open_for_ticks() {
    if (m_tick_fd.is_open())
        return true;
    std::optional<base::Fd> fd = base::reopen_same(m_spool->fd(), m_name, m_status, O_WRONLY);
    if (fd)
        m_tick_fd = std::move(*fd);
    return fd.has_value();
}

bool ClaimedFile::has_live_line() const {
    LineReader reader(m_fd.get(), path());
    while (const std::optional<RawLine> line = reader.next())
        if (classify(line->text).kind != LineKind::nothing)
            return true;
    return false;
}

/// `.NAME.done`; of a name too long for that its start.
std::string ClaimedFile::set_aside_name() const {
    constexpr std::size_t k_longest = 240;
    const std::string name = m_name.size() <= k_longest ? m_name : m_name.substr(0, k_longest - 2) + ".q";
    return "." + name + std::string(k_set_aside_suffix);
}

bool ClaimedFile::set_aside() {
    const std::scoped_lock lock(m_mutex);
    m_tick_fd.reset();
    if (!means_this_file(m_name))
        return false;
    return base::rename_no_replace(m_spool->fd(), m_name, m_spool->fd(), set_aside_name());
}

Retirement ClaimedFile::retire() {
    const std::scoped_lock lock(m_mutex);
    const int dir = m_spool->fd();
    if (!means_this_file(set_aside_name()))
        return Retirement::given_back;
    const base::Writers writers = base::writers_of(m_fd.get());
    const auto has_rested = [&] {
        return base::status_of(m_fd.get(), path()).rested_s(m_spool->clock().now()) >=
               k_unknown_writer_rest_s;
    };
    const bool resting =
        writers == base::Writers::none || (writers == base::Writers::cannot_tell && has_rested());
    if ((resting && !has_live_line()) || base::is_broken(base::Break::queue_file_not_looked_at_again)) {
        base::unlink_at(dir, set_aside_name());
        return Retirement::removed;
    }
    if (writers == base::Writers::cannot_tell && !has_live_line())
        return Retirement::left_aside;
    // Back under its name; where somebody made a new file of that name meanwhile, beside it.
    if (!base::rename_no_replace(dir, set_aside_name(), dir, m_name)) {
        const std::string beside = m_spool->new_name(priority_of(m_name));
        base::rename_no_replace(dir, set_aside_name(), dir, beside);
        base::log(base::LogLevel::warning,
                  {{"result", "kept-beside"},
                   {"queue-file", m_name},
                   {"as", beside},
                   {"reason", "lines were added while it was taken away, and its name is taken"}});
    }
    base::sync_directory(dir, m_spool->path());
    return Retirement::given_back;
}

} // namespace nodespool::queue
