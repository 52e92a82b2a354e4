// Names of copies.
#include "processor/copy_name.hpp"

#include "base/path_name.hpp"
#include "base/stable_hash.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace nodespool::processor {

namespace {

constexpr std::size_t k_readable_bytes = 100;
constexpr std::size_t k_kept_extension = 16;

/// Its start and, where it has a short one, its extension.
std::string readable_rest(std::string_view name) {
    std::string rest(name);
    if (rest.size() > k_readable_bytes) {
        const std::size_t dot = rest.rfind('.');
        const std::string extension =
            dot != std::string::npos && rest.size() - dot <= k_kept_extension ? rest.substr(dot) : "";
        rest = rest.substr(0, k_readable_bytes - extension.size()) + extension;
    }
    std::replace_if(
        rest.begin(), rest.end(),
        [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return byte > 0x7F || (std::isalnum(byte) == 0 && c != '.' && c != '_' && c != '-');
        },
        '_');
    return rest;
}

} // namespace

std::string copy_name(std::string_view path, base::Timestamp now, std::uint64_t random_bits) {
    constexpr std::uint64_t k_directories = 64;
    const std::uint64_t spread =
        base::stable_hash(std::string_view(reinterpret_cast<const char*>(&random_bits), sizeof random_bits));
    return fmt::format("{:02}/{:02}/{}-{:016x}-{}", spread % k_directories,
                       spread / k_directories % k_directories, base::format_stamp(now), random_bits,
                       readable_rest(base::name_of(path)));
}

} // namespace nodespool::processor
