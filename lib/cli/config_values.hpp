// The types of configuration values, as Boost.Program_options checks and stores them.
#pragma once

#include "base/checksum.hpp"
#include "base/log.hpp"
#include "cli/config.hpp"

#include <boost/any.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace nodespool::cli {

/// Thrown by validate(): what should have stood there.
struct BadValue {
    std::string expected;
};

/// A whole number within its bounds.
template <unsigned Least, unsigned Most>
struct Bounded {
    unsigned value;
};

/// Bounded, checked at run time.
unsigned bounded_number(const std::string& text, unsigned least, unsigned most);

// One overload a type: Boost.Program_options finds them by argument-dependent lookup where the type is ours,
// and the wrapper makes it so for the others.

struct ChecksumValue {
    base::ChecksumKind value;
};
struct LogValue {
    base::LogTarget value;
};
struct TlsValue {
    node::Tls value;
};
struct TlsVerifyValue {
    node::TlsVerify value;
};
struct TextValue {
    std::string value; ///< not empty
};

template <unsigned Least, unsigned Most>
void validate(boost::any& into, const std::vector<std::string>& texts, Bounded<Least, Most>*, int) {
    into = Bounded<Least, Most>{bounded_number(texts.at(0), Least, Most)};
}
void validate(boost::any& into, const std::vector<std::string>& texts, ChecksumValue*, int);
void validate(boost::any& into, const std::vector<std::string>& texts, KeepLocal*, int);
void validate(boost::any& into, const std::vector<std::string>& texts, LogValue*, int);
void validate(boost::any& into, const std::vector<std::string>& texts, TlsValue*, int);
void validate(boost::any& into, const std::vector<std::string>& texts, TlsVerifyValue*, int);
void validate(boost::any& into, const std::vector<std::string>& texts, TextValue*, int);

} // namespace nodespool::cli
