// Storing of one section's values.
#include "cli/config_section.hpp"

#include "base/path_name.hpp"
#include "cli/config_values.hpp"

#include <boost/program_options/parsers.hpp>

namespace nodespool::cli {

namespace po = boost::program_options;

namespace {

std::string names_of(const po::options_description& keys) {
    std::string names;
    for (const auto& key : keys.options())
        names += (names.empty() ? "" : ", ") + key->long_name();
    return names;
}

} // namespace

void store_value(const po::options_description& keys, const std::string& key, const std::string& value,
                 po::variables_map& into) {
    po::parsed_options parsed(&keys);
    parsed.options.emplace_back(key, std::vector<std::string>{value});
    po::store(parsed, into);
}

po::variables_map values_of(const ConfigSection& section, const po::options_description& keys,
                            const std::string& file) {
    po::variables_map values;
    for (const ConfigEntry& entry : section.entries) {
        if (keys.find_nothrow(entry.key, false) == nullptr)
            throw_config_error(file, entry.line, "the key " + quoted_key(entry.key),
                               "one of: " + names_of(keys));
        try {
            store_value(keys, entry.key, entry.value, values);
        } catch (const BadValue& bad) {
            // Values of other keys are quoted freely; these may hold a password.
            const bool is_secret = entry.key == "url" || entry.key == "password-command";
            const std::string shown = is_secret ? "a bad value" : "'" + base::printable(entry.value) + "'";
            throw_config_error(file, entry.line, entry.key + " = " + shown, bad.expected);
        }
    }
    return values;
}

} // namespace nodespool::cli
