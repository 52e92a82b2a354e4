// The texts of --help and --version.
#include "cli/command_line.hpp"
#include "cli/program.hpp"

#include <boost/program_options/cmdline.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace nodespool::cli {

namespace po = boost::program_options;

namespace {

constexpr std::size_t k_text_column = 26;
constexpr std::size_t k_width = 79;

/// "  -j N", "  -n, --dry-run", "      --only GLOB"
std::string option_head(const po::option_description& option) {
    using namespace po::command_line_style;
    const std::string short_name = option.canonical_display_name(allow_dash_for_short);
    const bool has_short = short_name.size() == 2 && short_name[0] == '-';
    std::string head = has_short ? "  " + short_name : "     ";
    if (!option.long_name().empty())
        head += (has_short ? ", --" : " --") + option.long_name();
    const std::string value = option.format_parameter();
    return value.empty() ? head : head + " " + value;
}

/// @p head, then @p text from a fixed column on, wrapped between words.
std::string entry(std::string head, std::string_view text) {
    std::string out;
    if (head.size() + 2 > k_text_column) {
        out = head + "\n";
        head.clear();
    }
    head.resize(k_text_column, ' ');
    std::string line = std::move(head);
    const std::string indent(k_text_column, ' ');
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        const bool at_start = line.size() == k_text_column;
        if (!at_start && line.size() + 1 + word.size() > k_width) {
            out += line + "\n";
            line = indent;
        } else if (!at_start) {
            line += ' ';
        }
        line += word;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out + line + "\n";
}

std::string entries(const po::options_description& options) {
    std::string text;
    for (const auto& option : options.options())
        text += entry(option_head(*option), option->description());
    return text;
}

/// The next part of a synopsis that stays on one line: a word, or all that stands in one pair of brackets.
std::string_view take_part(std::string_view& rest) {
    int depth = 0;
    std::size_t end = 0;
    while (end < rest.size() && (depth > 0 || rest[end] != ' ')) {
        depth += rest[end] == '[' ? 1 : rest[end] == ']' ? -1 : 0;
        ++end;
    }
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
}

/// @p head and @p form, wrapped between parts, further lines under the first part.
std::string usage_form(const std::string& head, std::string_view form) {
    std::string text;
    std::string line = head;
    bool is_first = true;
    while (!form.empty()) {
        const std::string_view part = take_part(form);
        if (!is_first && line.size() + 1 + part.size() > k_width) {
            text += line + "\n";
            line = std::string(head.size(), ' ');
        }
        line += ' ';
        line += part;
        is_first = false;
    }
    return text + line + "\n";
}

std::string usage_lines(const Program& program, const Command& command, std::string_view prefix) {
    std::string text;
    for (const std::string& form : command.synopsis) {
        std::string head = fmt::format("{}nodespool {}", text.empty() ? prefix : "       ", program.name);
        if (!command.name.empty())
            head += " " + command.name;
        text += usage_form(head, form);
    }
    return text;
}

std::string sentence(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text + ".\n";
}

/// Every common option that one of the commands takes, each once.
std::vector<Common> common_of(const std::vector<Command>& commands) {
    std::vector<Common> all;
    for (const Common option :
         {Common::directory, Common::dry_run, Common::verbose, Common::quiet, Common::json})
        if (std::any_of(commands.begin(), commands.end(), [&](const Command& command) {
                return std::count(command.common.begin(), command.common.end(), option) != 0;
            }))
            all.push_back(option);
    return all;
}

std::string help_of_command(const Program& program, const Command& command) {
    const bool is_whole = command.name.empty();
    std::string text = usage_lines(program, command, "usage: ");
    text += "\n" + sentence(is_whole ? program.purpose : command.purpose);
    text += "\nOptions:\n" + entries(command.options) + entries(common_options(command.common));
    return text;
}

std::string help_of_all(const Program& program) {
    std::string text;
    for (const Command& command : program.commands)
        text += usage_lines(program, command, text.empty() ? "usage: " : "       ");
    text += "\n" + sentence(program.purpose) + "\nCommands:\n";
    for (const Command& command : program.commands)
        text += entry("  " + command.name, command.purpose);
    for (const Command& command : program.commands)
        if (!command.options.options().empty())
            text += "\nOptions of " + command.name + ":\n" + entries(command.options);
    text += "\nCommon options, where the usage shows them:\n" +
            entries(common_options(common_of(program.commands)));
    return text;
}

} // namespace

std::string help_text(const Program& program, const std::string& command) {
    const std::string read_on = fmt::format("\nSee nodespool-{}(1).\n", program.name);
    for (const Command& candidate : program.commands)
        if (candidate.name == command)
            return help_of_command(program, candidate) + read_on;
    return help_of_all(program) + read_on;
}

std::string version_text(const std::string& program) {
    return fmt::format("nodespool-{} (nodespool) {}\n", program, NODESPOOL_VERSION);
}

} // namespace nodespool::cli
