// The probe.
#include "upkeep/probe.hpp"

#include "base/file_system.hpp"
#include "base/path_name.hpp"
#include "processor/copy_name.hpp"
#include "processor/leftover_copies.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nodespool::upkeep {

namespace {

/// What the file's name on the node ends with, and what the sending log calls it.
constexpr const char* k_name = "probe";
constexpr std::size_t k_content_bytes = 4096;

/// A text that no other probe writes.
std::string new_content(std::uint64_t random_bits) {
    std::string content;
    while (content.size() < k_content_bytes)
        content += fmt::format("nodespool probe {:016x}: this file may be deleted\n", random_bits);
    content.resize(k_content_bytes);
    return content;
}

class TextSource final : public node::Source {
  public:
    explicit TextSource(std::string_view text) : m_text(text), m_rest(text) {}
    [[nodiscard]] std::uint64_t size_bytes() const override { return m_text.size(); }
    std::size_t read(std::span<char> into) override {
        const std::size_t size = m_rest.copy(into.data(), into.size());
        m_rest.remove_prefix(size);
        return size;
    }
    void rewind() override { m_rest = m_text; }

  private:
    std::string_view m_text;
    std::string_view m_rest;
};

/// Keeps what comes, but not much more than was expected.
class TextSink final : public node::Sink {
  public:
    void write(std::span<const char> bytes) override {
        m_text.append(bytes.data(), std::min(bytes.size(), 2 * k_content_bytes - m_text.size()));
    }
    [[nodiscard]] const std::string& text() const { return m_text; }

  private:
    std::string m_text;
};

class Probe {
  public:
    Probe(const node::NodeConfig& config, processor::SendingLog& log, const base::Clock& clock,
          const node::Interrupt& interrupt)
        : m_node(config.name),
          m_log(&log),
          m_clock(&clock),
          m_session(node::make_session(config, interrupt)) {}

    Probed run(ProbeWrites writes) {
        try {
            timed("login", [&] { m_probed.features = m_session->features(); });
            if (writes == ProbeWrites::yes)
                write_read_delete();
        } catch (const node::NodeError& error) {
            m_probed.failure = error.failure();
            m_probed.error = error.what();
        }
        return std::move(m_probed);
    }

  private:
    template <typename Action>
    void timed(std::string_view name, Action&& action) {
        const base::MonotonicTime begin = m_clock->monotonic();
        action();
        m_probed.steps.push_back({name, m_clock->monotonic() - begin});
    }

    void write_read_delete() {
        const std::uint64_t random_bits = base::random_64_bits();
        const base::Timestamp now = m_clock->now();
        const std::string name = processor::copy_name(k_name, now, random_bits);
        const std::string content = new_content(random_bits);
        const auto entry = m_log->note({m_node, name, k_name, content.size(), now});
        try {
            timed("write", [&] {
                TextSource source(content);
                m_session->put(name, source);
            });
            timed("read", [&] { read_back(name, content); });
        } catch (const node::NodeError&) {
            processor::discard_copy(*m_session, name, *m_log,
                                    entry); // the failure that led here is the one to tell
            throw;
        }
        timed("delete", [&] { m_session->remove(name); });
        m_log->settle(entry);
    }

    void read_back(const std::string& name, const std::string& content) {
        TextSink sink;
        m_session->get(name, sink);
        if (sink.text() != content)
            throw node::NodeError(node::Failure::permanent, m_node,
                                  fmt::format("{} was read back with other content than was written", name));
    }

    std::string m_node;
    processor::SendingLog* m_log;
    const base::Clock* m_clock;
    std::unique_ptr<node::Session> m_session;
    Probed m_probed;
};

} // namespace

Probed probe_node(const node::NodeConfig& config, ProbeWrites writes, processor::SendingLog& log,
                  const base::Clock& clock, const node::Interrupt& interrupt) {
    return Probe(config, log, clock, interrupt).run(writes);
}

processor::RecordedHealth health_of(const Probed& probed, base::Timestamp now) {
    processor::RecordedHealth health;
    health.since = now;
    health.program = "nodes";
    if (!probed.failure) {
        health.last_success = now;
        return health;
    }
    health.last_error = {now, probed.error};
    switch (*probed.failure) {
    case node::Failure::temporary:
    case node::Failure::node_down:
        health.state = processor::NodeState::down;
        break;
    case node::Failure::node_full:
        health.state = processor::NodeState::full;
        break;
    case node::Failure::node_unwritable:
        health.state = processor::NodeState::unwritable;
        break;
    case node::Failure::permanent:
        break;
    }
    return health;
}

} // namespace nodespool::upkeep
