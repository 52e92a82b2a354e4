// One section of the configuration, typed, checked and stored by Boost.Program_options.
#pragma once

#include "cli/config_lines.hpp"

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <string>

namespace nodespool::cli {

/// Types and stores one value. @throws BadValue
void store_value(const boost::program_options::options_description& keys, const std::string& key,
                 const std::string& value, boost::program_options::variables_map& into);

/// The values of one section; unknown keys and bad values are errors with file and line.
boost::program_options::variables_map values_of(const ConfigSection& section,
                                                const boost::program_options::options_description& keys,
                                                const std::string& file);

/// nullptr where @p values has no such key.
template <typename Type>
const Type* find(const boost::program_options::variables_map& values, const std::string& key) {
    const boost::program_options::variable_value& value = values[key];
    return value.empty() ? nullptr : &value.as<Type>();
}

} // namespace nodespool::cli
