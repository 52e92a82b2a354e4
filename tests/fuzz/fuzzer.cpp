// Demands, and cutting up text in the plainest way: what the library does is held against it.
#include "fuzz/fuzzer.hpp"

#include "base/path_name.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>

namespace nodespool::fuzz {

void demand(bool holds, std::string_view what, std::string_view shown) {
    if (holds)
        return;
    std::cerr << "does not hold: " << what << "\n  " << base::printable(shown) << std::endl;
    std::abort();
}

void demand_printable(std::string_view text, std::string_view what) {
    demand(base::printable(text) == text, what, text);
}

std::uint64_t number_after(std::string_view message, std::string_view start) {
    demand(message.starts_with(start), "a message says where", message);
    message.remove_prefix(start.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(message.data(), message.data() + message.size(), number);
    demand(error == std::errc() && end != message.data() + message.size() && *end == ':',
           "a message says where, in a number", message);
    return number;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<std::string_view> words_of(std::string_view text, std::string_view between) {
    std::vector<std::string_view> words;
    std::size_t begin = 0;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        if (at < text.size() && between.find(text[at]) == between.npos)
            continue;
        if (at > begin)
            words.push_back(text.substr(begin, at - begin));
        begin = at + 1;
    }
    return words;
}

} // namespace nodespool::fuzz
