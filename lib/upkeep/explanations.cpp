// Gathering what explains copies.
#include "upkeep/explanations.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "catalog/deleted.hpp"
#include "catalog/walk.hpp"
#include "processor/sending_log.hpp"
#include "queue/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nodespool::upkeep {

namespace {

// A fact as a line: NAME NODE LETTER [SIZE] [FILE], names encoded. Lines of one name stand together.
constexpr char k_listed = 'l';
constexpr char k_recorded = 'r';
constexpr char k_explained = 'x';

std::string_view take_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

CopyFact parse_fact(std::string_view line) {
    CopyFact fact;
    fact.node = take_word(line);
    const std::string_view letter = take_word(line);
    fact.kind = letter.front() == k_listed     ? CopyFact::Kind::listed
                : letter.front() == k_recorded ? CopyFact::Kind::recorded
                                               : CopyFact::Kind::explained;
    const std::string_view size = take_word(line);
    std::uint64_t bytes = 0;
    if (std::from_chars(size.data(), size.data() + size.size(), bytes).ec == std::errc{})
        fact.size_bytes = bytes;
    if (!line.empty())
        fact.path = base::decode_name(line);
    return fact;
}

bool explain_deleted(const std::string& cluster_root, CopyFacts& facts) {
    const auto deleted = catalog::Deleted::open_existing(cluster_root);
    bool is_complete = true;
    deleted.for_each([&](const std::string& name) {
        try {
            if (const auto link = deleted.read(name))
                for (const auto* copies : {&link->servers, &link->gone})
                    for (const catalog::Copy& copy : *copies)
                        facts.add_explained(copy.node, copy.name);
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what());
            is_complete = false;
        }
        return true;
    });
    return is_complete;
}

bool explain_removals(const queue::Spool& spool, CopyFacts& facts) {
    return queue::survey(spool, [&](const queue::SurveyedJob& seen) {
               if (seen.job && seen.job->keyword == queue::Keyword::remove)
                   facts.add_explained(seen.job->node, seen.job->path);
           }) == 0;
}

} // namespace

void read_links(const catalog::Catalog& catalog, const std::string& directory, const LinkListener& listener) {
    catalog::for_each_link(catalog, directory, [&](const std::string& path) {
        std::optional<catalog::Link> link;
        try {
            link = catalog.read(path);
        } catch (const base::Error& error) {
            listener.unreadable(path, error.what());
        }
        if (link)
            listener.link(*link);
        return true;
    });
}

bool NameFacts::is_unexplained(const std::string& node) const {
    return std::all_of(facts.begin(), facts.end(), [&](const CopyFact& fact) {
        return fact.node != node || fact.kind == CopyFact::Kind::listed;
    });
}

std::string NameFacts::recorded_elsewhere(const std::string& node) const {
    for (const CopyFact& fact : facts)
        if (fact.kind == CopyFact::Kind::recorded && fact.node != node)
            return fact.node;
    return {};
}

void CopyFacts::add_listed(const std::string& node, const std::string& name,
                           std::optional<std::uint64_t> size_bytes) {
    m_lines.add(fmt::format("{} {} {} {}", base::encode_name(name), node, k_listed,
                            size_bytes ? std::to_string(*size_bytes) : "-"));
}

void CopyFacts::add_recorded(const catalog::Copy& copy, const catalog::Link& link) {
    m_lines.add(fmt::format("{} {} {} {} {}", base::encode_name(copy.name), copy.node, k_recorded,
                            link.size_bytes, base::encode_name(link.path)));
}

void CopyFacts::add_explained(const std::string& node, const std::string& name) {
    m_lines.add(fmt::format("{} {} {}", base::encode_name(name), node, k_explained));
}

void CopyFacts::finish() {
    m_lines.finish();
    m_ahead = m_lines.next();
}

std::optional<NameFacts> CopyFacts::next() {
    if (!m_ahead)
        return std::nullopt;
    NameFacts known;
    const std::string name = m_ahead->substr(0, m_ahead->find(' ') + 1);
    known.name = base::decode_name(std::string_view(name).substr(0, name.size() - 1));
    for (std::string before; m_ahead && m_ahead->starts_with(name); m_ahead = m_lines.next()) {
        if (*m_ahead == before)
            continue; // several jobs for one copy, the same line given twice
        known.facts.push_back(parse_fact(std::string_view(*m_ahead).substr(name.size())));
        before = *m_ahead;
    }
    return known;
}

Gathering gather_explanations(const std::string& cluster_root, const catalog::Catalog& catalog,
                              const queue::Spool& spool, CopyFacts& facts, const LinkListener& also) {
    bool is_complete = processor::for_each_open_sending(cluster_root, [&](const processor::Sending& sending) {
                           facts.add_explained(sending.node, sending.name);
                       }) == 0;
    read_links(catalog, "",
               {[&](const catalog::Link& link) {
                    for (const catalog::Copy& copy : link.servers)
                        facts.add_recorded(copy, link);
                    for (const catalog::Copy& copy : link.gone)
                        facts.add_explained(copy.node, copy.name);
                    also.link(link);
                },
                [&](const std::string& path, const std::string& reason) {
                    is_complete = false;
                    also.unreadable(path, reason);
                }});
    is_complete = explain_deleted(cluster_root, facts) && is_complete;
    is_complete = explain_removals(spool, facts) && is_complete;
    return is_complete ? Gathering::complete : Gathering::incomplete;
}

} // namespace nodespool::upkeep
