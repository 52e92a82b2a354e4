// Checking of configuration values.
#include "cli/config_values.hpp"

#include "cli/option_values.hpp"

#include <fmt/format.h>

namespace nodespool::cli {

unsigned bounded_number(const std::string& text, unsigned least, unsigned most) {
    if (const auto number = parse_number(text, least, most))
        return static_cast<unsigned>(*number);
    throw BadValue{fmt::format("a number from {} to {}", least, most)};
}

void validate(boost::any& into, const std::vector<std::string>& texts, ChecksumValue*, int) {
    const auto kind = base::checksum_kind_of(texts.at(0));
    if (!kind)
        throw BadValue{"none, sha256 or xxh3"};
    into = ChecksumValue{*kind};
}

void validate(boost::any& into, const std::vector<std::string>& texts, KeepLocal*, int) {
    if (texts.at(0) != "yes" && texts.at(0) != "no")
        throw BadValue{"yes or no"};
    into = texts.at(0) == "yes" ? KeepLocal::yes : KeepLocal::no;
}

void validate(boost::any& into, const std::vector<std::string>& texts, LogValue*, int) {
    const std::string& text = texts.at(0);
    base::LogTarget target;
    if (text == "syslog")
        target.kind = base::LogTarget::Kind::syslog;
    else if (text.starts_with('/'))
        target = {base::LogTarget::Kind::file, text};
    else if (text != "stderr")
        throw BadValue{"stderr, syslog or the absolute path of a file"};
    into = LogValue{target};
}

void validate(boost::any& into, const std::vector<std::string>& texts, TlsValue*, int) {
    const std::string& text = texts.at(0);
    if (text == "no")
        into = TlsValue{node::Tls::no};
    else if (text == "try")
        into = TlsValue{node::Tls::if_offered};
    else if (text == "require")
        into = TlsValue{node::Tls::required};
    else
        throw BadValue{"no, try or require"};
}

void validate(boost::any& into, const std::vector<std::string>& texts, TlsVerifyValue*, int) {
    if (texts.at(0) != "yes" && texts.at(0) != "no")
        throw BadValue{"yes or no"};
    into = TlsVerifyValue{texts.at(0) == "yes" ? node::TlsVerify::yes : node::TlsVerify::no};
}

void validate(boost::any& into, const std::vector<std::string>& texts, TextValue*, int) {
    if (texts.at(0).empty())
        throw BadValue{"a value"};
    into = TextValue{texts.at(0)};
}

} // namespace nodespool::cli
