// The walk, and what makes a list certain.
#include "node/ftp_lister.hpp"

#include "base/path_name.hpp"
#include "node/ftp_errors.hpp"
#include "node/ftp_facts.hpp"
#include "node/ftp_listing.hpp"
#include "node/remote_name.hpp"

#include <algorithm>

namespace nodespool::node {

namespace {

constexpr char k_directory_mark = 'd';
constexpr char k_maybe_mark = '?';
// Commands in one exchange.
constexpr std::size_t k_batch = 100;
// Longer ones come from links that lead in a circle.
constexpr std::size_t k_longest_path = 4000;

std::string join(const std::string& directory, std::string_view name) {
    return directory.empty() ? std::string(name) : directory + '/' + std::string(name);
}

bool is_itself_or_parent(std::string_view name) {
    return name == "." || name == "..";
}

/// May a command carry this name? Not with control bytes, and servers drop blanks at its end.
bool can_be_asked_for(const std::string& name) {
    return why_not_a_remote_name(name).empty() && !name.ends_with(' ');
}

bool is_not_implemented(int reply) {
    return reply == 500 || reply == 502 || reply == 504;
}

/// ls -l writes two numbers in the place of a device's size.
bool is_device_line(std::string_view line) {
    return (line.starts_with('b') || line.starts_with('c')) && line.find(' ') >= 10 &&
           line.find(' ') != std::string_view::npos;
}

constexpr std::string_view k_not_proved =
    "the server lists nothing there, and does not show that it could read the directory";

} // namespace

FtpLister::FtpLister(const std::string& node, const std::string& root, FtpConnection& connection,
                     const ListVisitor& visit, Times times)
    : m_node(node),
      m_root(root),
      m_connection(connection),
      m_visit(visit),
      m_times(times) {}

void FtpLister::fail(Failure failure, const std::string& directory, const std::string& why) const {
    const std::string object = directory.empty() ? "the node's directory" : "directory " + directory;
    throw NodeError(failure, m_node, "cannot list " + base::printable(object + ": " + why));
}

void FtpLister::fail(const FtpTrouble& trouble, const std::string& directory) const {
    fail(trouble.failure, directory, trouble.text);
}

std::string FtpLister::path_of(const std::string& name) const {
    if (!m_root.empty())
        return name.empty() ? m_root : m_root + (m_root.ends_with('/') ? "" : "/") + name;
    // Servers take a blank, a dash or a tilde in front for something else than the name.
    const bool is_odd = !name.empty() && std::string_view(" -~").find(name.front()) != std::string_view::npos;
    return is_odd ? "./" + name : name;
}

std::string FtpLister::directory_path_of(const std::string& name) const {
    return path_of(name) + (name.ends_with(' ') ? "/." : ""); // servers drop blanks at the end
}

void FtpLister::run() {
    m_candidates.push(std::string(1, k_directory_mark));
    while (const std::optional<std::string> record = m_candidates.pop())
        list_candidate({record->substr(1), record->front() == k_maybe_mark});
}

void FtpLister::list_candidate(const Candidate& candidate) {
    // Not why_not_a_remote_name(): a directory may well be named as nodespool names none.
    if (candidate.name.size() > k_longest_path)
        fail(Failure::permanent, candidate.name.substr(0, 100) + "...",
             "it lies too deep: do links lead in a circle?");
    if (std::any_of(candidate.name.begin(), candidate.name.end(),
                    [](unsigned char byte) { return byte < 0x20 || byte == 0x7F; }))
        fail(Failure::permanent, candidate.name, "no command can carry a name with a control byte");
    switch (list_in_form(candidate)) {
    case Outcome::listed:
        break;
    case Outcome::not_entered:
        visit_unmeasured(candidate.name);
        break;
    case Outcome::no_such_form: // of names, the simplest
        fail(Failure::permanent, candidate.name, std::string(k_not_proved));
    }
}

FtpLister::Outcome FtpLister::list_in_form(const Candidate& candidate) {
    Outcome outcome = Outcome::no_such_form;
    if (m_form == Form::mlsd && (outcome = list_facts(candidate)) == Outcome::no_such_form)
        m_form = Form::ls;
    if (m_form == Form::ls && (outcome = list_ls(candidate)) == Outcome::no_such_form)
        m_form = Form::names;
    if (m_form == Form::names)
        outcome = list_names(candidate);
    return outcome;
}

std::optional<FtpTrouble> FtpLister::take(const std::string& directory, const std::string& command,
                                          RecordSink& sink) {
    const FtpResult result = m_connection.list(directory_path_of(directory), command, sink);
    if (result.trouble)
        return result.trouble;
    const FtpReply& reply = result.replies.at(0);
    if (says_cut_off(reply.text))
        fail(Failure::permanent, directory, "the server cuts the list off: " + reply.text);
    if (sink.is_garbled() || !sink.ended_whole())
        fail(Failure::temporary, directory,
             sink.is_garbled() ? "the list has lines that do not end as the first one does, or never"
                               : "the list broke off in the middle of a line");
    return std::nullopt;
}

FtpLister::Outcome FtpLister::outcome_of_refused_entry(const FtpTrouble& trouble,
                                                       const Candidate& candidate) const {
    if (candidate.name.empty())
        fail(Failure::node_down, candidate.name, "it cannot be entered (is it mounted?): " + trouble.text);
    if (!candidate.may_be_file)
        fail(Failure::permanent, candidate.name, "it cannot be entered: " + trouble.text);
    return Outcome::not_entered;
}

FtpLister::Outcome FtpLister::list_facts(const Candidate& directory) {
    bool has_entry = false;
    std::string bad_line;
    RecordSink sink([&](std::string_view line) {
        const std::optional<FtpFacts> facts = parse_facts(line);
        if (!facts && bad_line.empty())
            bad_line = line;
        if (!facts || !bad_line.empty())
            return;
        has_entry = has_entry || facts->type != EntryType::parent;
        const std::string name = join(directory.name, facts->name);
        if (facts->type == EntryType::directory && name != k_of_file_system)
            m_candidates.push(k_directory_mark + name);
        else if (facts->type == EntryType::file)
            m_visit({name, facts->size_bytes, facts->mtime});
    });
    if (const std::optional<FtpTrouble> trouble = take(directory.name, "MLSD", sink)) {
        if (trouble->refused_directory)
            return outcome_of_refused_entry(*trouble, directory);
        if (is_not_implemented(trouble->reply) && !has_entry)
            return Outcome::no_such_form;
        fail(*trouble, directory.name);
    }
    if (!bad_line.empty())
        fail(Failure::permanent, directory.name,
             "found the line '" + bad_line + "', expected facts and a name (RFC 3659)");
    if (!has_entry && !shows_itself(directory.name))
        fail(Failure::permanent, directory.name, std::string(k_not_proved));
    return Outcome::listed;
}

bool FtpLister::shows_itself(const std::string& directory) {
    bool found = false;
    RecordSink sink([&](std::string_view line) { found = found || parse_ls_line(line).name == "."; });
    if (const std::optional<FtpTrouble> trouble = take(directory, "LIST -a", sink))
        fail(*trouble, directory);
    return found;
}

FtpLister::Outcome FtpLister::list_ls(const Candidate& directory) {
    bool has_entry = false;
    std::string bad_line;
    RecordSink sink([&](std::string_view line) {
        if (!bad_line.empty() || line.empty() || line.starts_with("total ") || is_device_line(line))
            return;
        const LsEntry entry = parse_ls_line(line);
        if (entry.type == '?' ||
            entry.name.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos) {
            bad_line = line;
            return;
        }
        has_entry = true;
        if (is_itself_or_parent(entry.name))
            return;
        const std::string name = join(directory.name, entry.name);
        if (entry.type == 'd' && name != k_of_file_system)
            m_candidates.push(k_directory_mark + name);
        else if (entry.type == '-' && m_times == Times::exact && can_be_asked_for(name))
            m_names.push(std::to_string(entry.size_bytes) + '/' + name);
        else if (entry.type == '-')
            m_visit({name, entry.size_bytes, std::nullopt});
    });
    if (const std::optional<FtpTrouble> trouble = take(directory.name, "LIST -a", sink)) {
        if (trouble->refused_directory)
            return outcome_of_refused_entry(*trouble, directory);
        if (trouble->reply >= 500 && !has_entry)
            return Outcome::no_such_form;
        fail(*trouble, directory.name);
    }
    if (!has_entry)
        return Outcome::no_such_form;
    if (!bad_line.empty())
        fail(Failure::permanent, directory.name,
             "found the line '" + bad_line + "', expected the form of ls -l");
    visit_timed(directory.name);
    return Outcome::listed;
}

FtpLister::Outcome FtpLister::list_names(const Candidate& directory) {
    bool has_entry = false;
    std::string bad_name;
    const auto on_name = [&](std::string_view name) {
        has_entry = true;
        const std::string path = join(directory.name, name);
        if (is_itself_or_parent(name))
            return;
        if (name.find('/') != std::string_view::npos || !can_be_asked_for(path))
            bad_name = name;
        else
            m_names.push(path);
    };
    // Without -a names that begin with a dot may be left out: nodespool makes none.
    for (const std::string command : {"NLST -a", "NLST"}) {
        RecordSink sink(on_name);
        const std::optional<FtpTrouble> trouble = take(directory.name, command, sink);
        if (trouble && trouble->refused_directory)
            return outcome_of_refused_entry(*trouble, directory);
        if (trouble && (trouble->reply < 500 || has_entry))
            fail(*trouble, directory.name);
        if (has_entry)
            break;
    }
    if (!has_entry)
        return Outcome::no_such_form;
    if (!bad_name.empty())
        fail(Failure::permanent, directory.name,
             "found the name '" + bad_name + "', and no command can ask whether it is a file");
    visit_measured(directory.name);
    return Outcome::listed;
}

std::vector<FtpReply> FtpLister::ask(const std::vector<std::string>& commands, const std::string& directory) {
    FtpResult result = m_connection.send(commands);
    if (result.trouble)
        fail(*result.trouble, directory);
    return std::move(result.replies);
}

void FtpLister::visit_timed(const std::string& directory) {
    while (!m_names.empty()) {
        std::vector<ListedFile> files;
        std::vector<std::string> commands;
        while (files.size() < k_batch) {
            const std::optional<std::string> record = m_names.pop();
            if (!record)
                break;
            const std::size_t slash = record->find('/');
            files.push_back({record->substr(slash + 1), std::stoull(record->substr(0, slash)), std::nullopt});
            commands.push_back("MDTM " + path_of(files.back().name));
        }
        const std::vector<FtpReply> replies = ask(commands, directory);
        for (std::size_t i = 0; i < files.size(); ++i) {
            files[i].mtime = mtime_from(replies.at(i));
            m_visit(files[i]);
        }
    }
}

void FtpLister::visit_measured(const std::string& directory) {
    while (!m_names.empty()) {
        std::vector<std::string> names;
        std::vector<std::string> commands;
        while (names.size() < k_batch) {
            const std::optional<std::string> name = m_names.pop();
            if (!name)
                break;
            names.push_back(*name);
            commands.push_back("SIZE " + path_of(*name));
            if (m_times == Times::exact)
                commands.push_back("MDTM " + path_of(*name));
        }
        const std::vector<FtpReply> replies = ask(commands, directory);
        auto reply = replies.begin();
        for (const std::string& name : names) {
            const FtpReply& size_reply = *reply++;
            const std::optional<base::Timestamp> mtime =
                m_times == Times::exact ? mtime_from(*reply++) : std::nullopt;
            if (const std::optional<std::uint64_t> size = size_from(size_reply))
                m_visit({name, size, mtime});
            else if (size_reply.is_refusal())
                m_candidates.push(k_maybe_mark + name);
            else
                fail(failure_of_reply(size_reply.code), directory, size_reply.text);
        }
    }
}

void FtpLister::visit_unmeasured(const std::string& name) {
    std::optional<base::Timestamp> mtime;
    if (m_times == Times::exact)
        mtime = mtime_from(ask({"MDTM " + path_of(name)}, name).at(0));
    m_visit({name, std::nullopt, mtime});
}

} // namespace nodespool::node
