// Put, get, remove, size and features in terms of FTP commands.
#include "node/ftp_session.hpp"

#include "base/path_name.hpp"
#include "node/ftp_errors.hpp"
#include "node/ftp_lister.hpp"
#include "node/ftp_listing.hpp"
#include "node/remote_name.hpp"

namespace nodespool::node {

namespace {

/// Counts what goes to a Sink.
class CountingSink : public Sink {
  public:
    explicit CountingSink(Sink& sink) : m_sink(sink) {}
    void write(std::span<const char> bytes) override {
        m_sink.write(bytes);
        m_bytes += bytes.size();
    }
    [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }

  private:
    Sink& m_sink;
    std::uint64_t m_bytes = 0;
};

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

/// Do servers say this to a STOR into a directory that is missing? vsftpd and pure-ftpd 553, proftpd and
/// others 550.
bool may_mean_missing_directory(const FtpTrouble& trouble) {
    return trouble.reply == 550 || trouble.reply == 553;
}

} // namespace

/// What is being done, for the messages.
struct FtpSession::Action {
    const std::string& node;
    std::string_view verb;
    const std::string& name;

    [[noreturn]] void fail(Failure failure, const std::string& why) const {
        throw NodeError(failure, node,
                        "cannot " + std::string(verb) + ' ' + base::printable(name) + ": " +
                            base::printable(why));
    }
    [[noreturn]] void fail(const FtpTrouble& trouble) const { fail(trouble.failure, trouble.text); }
    [[noreturn]] void fail(const FtpReply& refusal) const {
        fail(failure_of_reply(refusal.code), refusal.text);
    }
    /// The replies, where the exchange went through.
    [[nodiscard]] std::vector<FtpReply> check(FtpResult result) const {
        if (result.trouble)
            fail(*result.trouble);
        return std::move(result.replies);
    }
};

FtpSession::FtpSession(const NodeConfig& config, NodeUrl url, Interrupt interrupt)
    : m_node(config.name),
      m_root(url.directory),
      m_connection(config, std::move(url), std::move(interrupt)) {}

std::string FtpSession::path_of(const std::string& name) const {
    if (m_root.empty() || name.empty())
        return m_root + name;
    return m_root.ends_with('/') ? m_root + name : m_root + '/' + name;
}

void FtpSession::put(const std::string& name, Source& source) {
    const Action action{m_node, "put", name};
    refuse_bad_name(m_node, action.verb, name);
    SizedSource sized(source);
    const FtpReply size_reply = store(name, sized, action);
    verify(name, sized.size_bytes(), size_reply, action);
}

FtpReply FtpSession::store(const std::string& name, SizedSource& source, const Action& action) {
    const std::string path = path_of(name);
    const std::string ask_size = "SIZE " + path;
    FtpResult result = m_connection.upload(path, source, ask_size);
    if (result.trouble && may_mean_missing_directory(*result.trouble)) {
        const std::string refused = make_parents(name, action);
        source.rewind();
        result = m_connection.upload(path, source, ask_size);
        if (result.trouble && result.trouble->reply >= 500) {
            require_root(action);
            result.trouble->text += refused;
        }
    }
    return action.check(std::move(result)).at(0);
}

std::string FtpSession::make_parents(const std::string& name, const Action& action) {
    // From the top: the usual case is that all are missing or all are there. Only below the node's root:
    // where that is missing, a disk is not mounted.
    std::vector<std::string> commands;
    for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
        commands.push_back("MKD " + path_of(name.substr(0, slash)));
    if (commands.empty())
        return {};
    const FtpReply last = action.check(m_connection.send(commands)).back();
    // "It exists" has no code of its own (vsftpd and proftpd 550, others 521): the STOR that follows tells.
    return last.is_failure() ? " (and " + commands.back() + ": " + last.text + ')' : std::string();
}

void FtpSession::verify(const std::string& name, std::uint64_t sent_bytes, const FtpReply& size_reply,
                        const Action& action) {
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
    if (*size != sent_bytes)
        action.fail(Failure::temporary, "the node reports " + std::to_string(*size) + " bytes of it, " +
                                            std::to_string(sent_bytes) + " were sent");
}

void FtpSession::get(const std::string& name, Sink& sink) {
    const Action action{m_node, "get", name};
    refuse_bad_name(m_node, action.verb, name);
    CountingSink counted(sink);
    const std::string path = path_of(name);
    const FtpReply size_reply = action.check(m_connection.download(path, counted, "SIZE " + path)).at(0);
    const std::optional<std::uint64_t> size = size_from(size_reply);
    if (size && *size != counted.bytes())
        action.fail(Failure::temporary, "it broke off after " + std::to_string(counted.bytes()) + " of " +
                                            std::to_string(*size) + " bytes");
}

Removal FtpSession::remove(const std::string& name) {
    const Action action{m_node, "remove", name};
    refuse_bad_name(m_node, action.verb, name);
    const std::string path = path_of(name);
    const FtpReply deleted = action.check(m_connection.send({"DELE " + path})).at(0);
    if (deleted.is_success())
        return Removal::removed;
    if (!deleted.is_refusal())
        action.fail(deleted);
    // 550 is "not there" and "not allowed" alike.
    const FtpReply size_reply = action.check(m_connection.send({"TYPE I", "SIZE " + path})).at(1);
    if (size_from(size_reply) || look(name, action))
        action.fail(deleted);
    return Removal::was_absent;
}

std::optional<std::uint64_t> FtpSession::size(const std::string& name) {
    const Action action{m_node, "look for", name};
    refuse_bad_name(m_node, action.verb, name);
    const FtpReply reply = action.check(m_connection.send({"TYPE I", "SIZE " + path_of(name)})).at(1);
    if (const std::optional<std::uint64_t> size = size_from(reply))
        return size;
    if (!reply.is_refusal())
        action.fail(reply);
    const std::optional<Found> found = look(name, action);
    if (!found)
        return std::nullopt;
    if (!found->size_bytes)
        action.fail(reply);
    return found->size_bytes;
}

void FtpSession::list(const ListVisitor& visit, Times times) {
    FtpLister(m_node, m_root, m_connection, visit, times).run();
}

std::vector<std::string> FtpSession::features() {
    const std::string what = "what it can do";
    const Action action{m_node, "ask", what};
    const FtpReply reply = action.check(m_connection.send({"FEAT"})).at(0);
    if (!reply.is_success() && !reply.is_refusal())
        action.fail(reply);
    std::vector<std::string> features;
    for (const std::string& line : reply.lines_before) {
        // RFC 2389 §3.2: a feature's line begins with a blank; the one before them with the code.
        const std::size_t begin = line.find_first_not_of(' ');
        if (reply.is_success() && begin != 0 && begin != std::string::npos)
            features.push_back(base::printable(line.substr(begin)));
    }
    return features;
}

std::optional<FtpSession::Found> FtpSession::look(const std::string& name, const Action& action) {
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

void FtpSession::require_root(const Action& action) {
    if (m_root.empty())
        return; // where the login itself ends
    NoSink nowhere;
    const FtpResult result = m_connection.list(m_root, "LIST -a", nowhere);
    if (result.trouble && result.trouble->reply >= 500)
        action.fail(Failure::node_down, "the node's directory " + m_root +
                                            " cannot be entered (is it mounted?): " + result.trouble->text);
}

} // namespace nodespool::node
