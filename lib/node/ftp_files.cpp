// Asks a server what it holds, and believes only what is certain.
#include "node/ftp_files.hpp"

#include "base/deliberate_break.hpp"
#include "node/ftp_listing.hpp"

#include <utility>

namespace nodespool::node {

namespace {

// A directory listing of this size is not one of nodespool's.
constexpr std::size_t k_longest_listing = 256UL * 1024 * 1024;

class TextSink : public Sink {
  public:
    void write(std::span<const char> bytes) override {
        if (m_text.size() + bytes.size() > k_longest_listing)
            throw base::Error(base::ErrorClass::io, "an FTP server sent an endless directory listing");
        m_text.append(bytes.data(), bytes.size());
    }
    std::string take() { return std::move(m_text); }

  private:
    std::string m_text;
};

class NoSink : public Sink {
  public:
    void write(std::span<const char>) override {}
};

} // namespace

FtpFiles::FtpFiles(std::string node, std::string root, FtpConnection& connection)
    : m_node(std::move(node)),
      m_root(std::move(root)),
      m_connection(connection) {}

std::string FtpFiles::path_of(const std::string& name) const {
    if (m_root.empty() || name.empty())
        return m_root + name;
    return m_root.ends_with('/') ? m_root + name : m_root + '/' + name;
}

std::vector<std::string> FtpFiles::parents_of(const std::string& name) {
    std::vector<std::string> parents;
    for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
        parents.push_back(name.substr(0, slash));
    return parents;
}

std::string FtpFiles::make_parents(const std::string& name, const FtpAction& action) {
    // All of them: the usual case is that all are missing or all are there.
    std::vector<std::string> commands;
    for (const std::string& parent : parents_of(name))
        commands.push_back("MKD " + path_of(parent));
    if (commands.empty())
        return {};
    const FtpReply last = action.check(m_connection.send(commands)).back();
    // "It exists" has no code of its own (vsftpd and proftpd 550, others 521): the STOR that follows tells.
    return last.is_failure() ? " (and " + commands.back() + ": " + last.text + ')' : std::string();
}

std::optional<FtpFiles::Found> FtpFiles::look(const std::string& name, const FtpAction& action) {
    std::string sought = name;
    for (;;) {
        const std::string parent(base::parent_of(sought));
        const std::string leaf(base::name_of(sought));
        TextSink text;
        const FtpResult result = m_connection.list(path_of(parent), "LIST -a", text);
        if (result.trouble && result.trouble->reply >= 500) {
            if (parent.empty())
                action.fail(Failure::node_down, "the node's directory cannot be entered (is it mounted?): " +
                                                    result.trouble->text);
            sought = parent; // is it missing itself, or only closed to us?
            continue;
        }
        if (result.trouble)
            action.fail(*result.trouble);
        const FtpListing listing(text.take(), result.replies.at(0).text);
        if (listing.may_hold(leaf)) {
            if (sought != name)
                action.fail(Failure::permanent,
                            "the directory " + sought + " is there, but cannot be entered");
            return Found{listing.size_of(leaf)};
        }
        if (!listing.would_show(leaf))
            action.fail(Failure::permanent, "the node does not show for certain whether it is there");
        return std::nullopt;
    }
}

void FtpFiles::require_absence(const std::string& name, const FtpReply& refusal, const FtpAction& action) {
    const FtpReply size = action.check(m_connection.send({"SIZE " + path_of(name)})).at(0);
    if (size_from(size) || look(name, action))
        action.fail(refusal);
}

void FtpFiles::verify(const std::string& name, std::uint64_t sent_bytes, const FtpReply& size_reply,
                      const FtpAction& action) {
    std::optional<std::uint64_t> size = size_from(size_reply);
    if (!size) { // the server does not do SIZE
        const std::optional<Found> found = look(name, action);
        if (!found)
            action.fail(Failure::temporary, "the node does not list it after it acknowledged it");
        size = found->size_bytes;
    }
    if (!size)
        action.fail(Failure::permanent,
                    "the node does not tell its size, so it cannot be verified: " + size_reply.text);
    if (*size != sent_bytes && !base::is_broken(base::Break::size_not_verified))
        action.fail(Failure::temporary, "the node reports " + std::to_string(*size) + " bytes of it, " +
                                            std::to_string(sent_bytes) + " were sent");
}

void FtpFiles::require_root(const FtpAction& action) {
    if (m_root.empty())
        return; // where the login itself ends
    NoSink nowhere;
    const FtpResult result = m_connection.list(m_root, "LIST -a", nowhere);
    if (result.trouble && result.trouble->reply >= 500)
        action.fail(Failure::node_down, "the node's directory " + m_root +
                                            " cannot be entered (is it mounted?): " + result.trouble->text);
}

} // namespace nodespool::node
