// Lines of sending logs.
#include "processor/sending_line.hpp"

#include "base/path_name.hpp"
#include "queue/line_reader.hpp"

#include <fmt/format.h>

#include <optional>
#include <sstream>

namespace nodespool::processor {

std::string to_line(const Sending& sending) {
    return fmt::format("{} {} {} {} {}\n", sending.node, base::encode_name(sending.name),
                       base::encode_name(sending.path), sending.size_bytes, base::format_time(sending.mtime));
}

namespace {

/// nullopt: a settled line, or one that was cut by the end of its process (its first byte was not sent yet).
std::optional<Sending> parse(const std::string& line) {
    if (line.empty() || line.front() == '#')
        return std::nullopt;
    std::istringstream words(line);
    Sending sending;
    std::string name;
    std::string path;
    std::string mtime;
    if (!(words >> sending.node >> name >> path >> sending.size_bytes >> mtime))
        return std::nullopt;
    const auto time = base::parse_time(mtime);
    if (!time)
        return std::nullopt;
    sending.mtime = time->value;
    try {
        sending.name = base::decode_name(name);
        sending.path = base::decode_name(path);
    } catch (const base::NameError&) {
        return std::nullopt;
    }
    return sending;
}

} // namespace

void for_each_open_line(int fd, const std::string& path_for_errors,
                        const std::function<void(Sending)>& visit) {
    queue::LineReader lines(fd, path_for_errors);
    while (const auto line = lines.next())
        if (auto sending = parse(std::string(line->text)))
            visit(std::move(*sending));
}

} // namespace nodespool::processor
