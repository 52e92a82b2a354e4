// What all fuzzers share: the function that libFuzzer calls with its bytes, and demands on what came of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Each fuzzer defines it. It returns 0; a property that does not hold ends the process.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace nodespool::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Ends the process where @p holds is false: @p what must hold, and @p shown breaks it.
void demand(bool holds, std::string_view what, std::string_view shown = {});

/// @p text may be shown to an operator as it is: one line of UTF-8 without control characters.
void demand_printable(std::string_view text, std::string_view what);

/// The number right behind @p start in a message "START NUMBER:..."; the message must begin so.
std::uint64_t number_after(std::string_view message, std::string_view start);

/// The lines of @p text, without their newlines; the last one needs none.
std::vector<std::string_view> lines_of(std::string_view text);

/// What lies between the bytes of @p between.
std::vector<std::string_view> words_of(std::string_view text, std::string_view between = " \t");

} // namespace nodespool::fuzz
