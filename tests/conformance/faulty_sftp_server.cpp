// One thread, one client at a time; `ssh` is a script that copies bytes to and from its socket.
#include "faulty_sftp_server.hpp"

#include "loopback.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <system_error>

namespace nodespool::node::test {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view k_script = R"(#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/PORT 4<&0 || exit 255
cat <&3 & reader=$!
cat <&4 >&3 & writer=$!
trap 'kill $reader $writer; exit 255' TERM
wait -n
kill $reader $writer
exit 255
)";

/// One reply, written with the code under test, which its own unit tests hold to the draft.
std::string packet(SftpType type, std::uint32_t id, const std::function<void(SftpOutput&)>& fill) {
    SftpOutput output;
    output.begin(type).u32(id);
    fill(output);
    output.end();
    return std::string(output.bytes());
}

void add_attributes(SftpOutput& output, std::uint64_t size, std::uint32_t permissions) {
    output.u32(permissions == 0 ? 0x1 : 0x5).u64(size);
    if (permissions != 0)
        output.u32(permissions);
}

} // namespace

struct FaultySftpServer::State {
    explicit State(SftpScript wanted) : script(std::move(wanted)), listener(listen_on_loopback()) {}

    SftpScript script;
    int listener;
    std::atomic<int> client = -1;
    std::atomic<bool> stopping = false;
    Seen seen;
    std::map<SftpType, std::size_t> used;
    std::map<std::string, bool> listed; ///< by handle: has the list been sent?
    bool is_silent = false;
    fs::path directory;
    std::string path_before;

    void serve();
    void serve_client();
    /// false: hang up.
    bool answer(std::string_view request, std::vector<std::string>& replies);
    std::string usual(SftpType type, std::uint32_t id, SftpFields fields);
    std::string looked_at(std::uint32_t id, const std::string& path, SftpType how);
    std::string extended(std::uint32_t id, SftpFields fields) const;
    static std::string status(std::uint32_t id, SftpStatus code);
    SftpReaction next_reaction(SftpType type);
    bool say(std::string_view bytes) const;
};

void FaultySftpServer::State::serve() {
    while (!stopping) {
        client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0)
            return;
        ++seen.connections;
        is_silent = false;
        serve_client();
        ::close(client.exchange(-1));
    }
}

void FaultySftpServer::State::serve_client() {
    SftpInput input;
    for (;;) {
        const std::span<char> room = input.room();
        const ssize_t got = ::read(client, room.data(), room.size());
        if (got <= 0)
            return;
        input.filled(static_cast<std::size_t>(got));
        std::vector<std::string> replies;
        bool goes_on = true;
        while (goes_on) {
            const std::optional<std::string_view> request = input.next();
            if (!request)
                break;
            goes_on = answer(*request, replies);
        }
        if (script.reverses)
            std::reverse(replies.begin(), replies.end());
        for (const std::string& reply : replies)
            if (!is_silent && !say(reply))
                return;
        if (!goes_on)
            return;
    }
}

bool FaultySftpServer::State::say(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

SftpReaction FaultySftpServer::State::next_reaction(SftpType type) {
    const auto found = script.reactions.find(type);
    if (found == script.reactions.end())
        return {};
    return found->second[std::min(used[type]++, found->second.size() - 1)];
}

std::string FaultySftpServer::State::status(std::uint32_t id, SftpStatus code) {
    return packet(SftpType::status, id, [&](SftpOutput& output) {
        output.u32(static_cast<std::uint32_t>(code)).string("as \x1B[2J told").string("");
    });
}

bool FaultySftpServer::State::answer(std::string_view request, std::vector<std::string>& replies) {
    const auto type = static_cast<SftpType>(request.front());
    SftpFields fields(request.substr(1));
    seen.requests.push_back(type);
    const SftpReaction reaction = next_reaction(type);
    const std::uint32_t id = fields.u32(); // of SftpType::init: the version
    switch (reaction.kind) {
    case SftpReaction::Kind::usual:
        replies.push_back(usual(type, id, fields));
        return true;
    case SftpReaction::Kind::silence:
        is_silent = true;
        return true;
    case SftpReaction::Kind::hang_up:
        return false;
    case SftpReaction::Kind::status:
        replies.push_back(status(id, reaction.status));
        return true;
    case SftpReaction::Kind::raw:
        replies.push_back(reaction.bytes);
        return true;
    }
    return false;
}

std::string FaultySftpServer::State::looked_at(std::uint32_t id, const std::string& path, SftpType how) {
    const auto file = script.files.find(path);
    const bool is_directory = script.directories.contains(path);
    if (file == script.files.end() && !is_directory)
        return status(id, SftpStatus::no_such_file);
    const bool lies = how == SftpType::lstat && script.wrong_sizes > 0;
    script.wrong_sizes -= lies ? 1 : 0;
    return packet(SftpType::attributes, id, [&](SftpOutput& output) {
        add_attributes(output, is_directory || lies ? 0 : file->second.size(),
                       is_directory ? 0040755 : 0100644);
    });
}

std::string FaultySftpServer::State::extended(std::uint32_t id, SftpFields fields) const {
    if (fields.string() != "statvfs@openssh.com")
        return status(id, SftpStatus::unsupported);
    return packet(SftpType::extended_reply, id, [&](SftpOutput& output) {
        const std::uint64_t blocks = script.available_blocks;
        for (const std::uint64_t value :
             {script.block_bytes, script.block_bytes, std::uint64_t{1 << 20}, blocks, blocks,
              std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1},
              script.file_system_flags, std::uint64_t{255}})
            output.u64(value);
    });
}

std::string FaultySftpServer::State::usual(SftpType type, std::uint32_t id, SftpFields fields) {
    if (type == SftpType::init) {
        SftpOutput output;
        output.begin(SftpType::version).u32(3);
        for (const auto& [name, value] : script.extensions)
            output.string(name).string(value);
        output.end();
        return std::string(output.bytes());
    }
    if (type == SftpType::extended)
        return extended(id, fields);
    // A handle is the path itself.
    const std::string path(fields.string());
    const std::size_t slash = path.rfind('/');
    const bool has_parent = slash == std::string::npos ? script.directories.contains(".")
                                                       : script.directories.contains(path.substr(0, slash));
    const auto file = script.files.find(path);
    switch (type) {
    case SftpType::open: {
        const bool creates = (fields.u32() & k_sftp_create) != 0;
        if (!has_parent || (!creates && file == script.files.end()))
            return status(id, SftpStatus::no_such_file);
        if (creates && file != script.files.end())
            return status(id, SftpStatus::failure);
        script.files.try_emplace(path);
        return packet(SftpType::handle, id, [&](SftpOutput& output) { output.string(path); });
    }
    case SftpType::opendir:
        listed[path] = false;
        return packet(SftpType::handle, id, [&](SftpOutput& output) { output.string(path); });
    case SftpType::readdir:
        if (std::exchange(listed[path], true))
            return status(id, SftpStatus::eof);
        return packet(SftpType::name, id, [&](SftpOutput& output) {
            output.u32(static_cast<std::uint32_t>(script.listed.size()));
            for (const std::string& name : script.listed) {
                output.string(name).string("not to be read");
                add_attributes(output, 7, script.listed_permissions);
            }
        });
    case SftpType::close:
        return status(id, SftpStatus::ok);
    case SftpType::write: {
        const std::uint64_t offset = fields.u64();
        const std::string_view bytes = fields.string();
        file->second.resize(std::max<std::size_t>(file->second.size(), offset + bytes.size()));
        file->second.replace(offset, bytes.size(), bytes);
        return status(id, SftpStatus::ok);
    }
    case SftpType::read: {
        const std::uint64_t offset = fields.u64();
        if (offset >= file->second.size())
            return status(id, SftpStatus::eof);
        const std::string_view bytes = std::string_view(file->second).substr(offset);
        const std::size_t size = std::min<std::size_t>({bytes.size(), fields.u32(), script.most_read});
        return packet(SftpType::data, id, [&](SftpOutput& output) { output.string(bytes.substr(0, size)); });
    }
    case SftpType::remove:
        return status(id, script.files.erase(path) > 0 ? SftpStatus::ok : SftpStatus::no_such_file);
    case SftpType::mkdir:
        if (!has_parent)
            return status(id, SftpStatus::no_such_file);
        return status(id, script.directories.insert(path).second ? SftpStatus::ok : SftpStatus::failure);
    case SftpType::lstat:
    case SftpType::fstat:
    case SftpType::stat:
        return looked_at(id, path, type);
    default:
        return status(id, SftpStatus::unsupported);
    }
}

FaultySftpServer::FaultySftpServer(SftpScript script) : m_state(std::make_unique<State>(std::move(script))) {
    std::string pattern = (fs::temp_directory_path() / "nodespool-ssh.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
        throw std::system_error(errno, std::generic_category(), "make a directory");
    m_state->directory = pattern;
    const fs::path ssh = m_state->directory / "ssh";
    std::string text(k_script);
    text.replace(text.find("PORT"), 4, std::to_string(port_of(m_state->listener)));
    std::ofstream(ssh) << text;
    fs::permissions(ssh, fs::perms::owner_all);
    m_state->path_before = std::getenv("PATH");
    ::setenv("PATH", (m_state->directory.string() + ':' + m_state->path_before).c_str(), 1);
    m_thread = std::thread([state = m_state.get()] { state->serve(); });
}

FaultySftpServer::~FaultySftpServer() {
    stop();
    ::setenv("PATH", m_state->path_before.c_str(), 1);
    std::error_code ignored;
    fs::remove_all(m_state->directory, ignored);
}

FaultySftpServer::Seen FaultySftpServer::stop() {
    m_state->stopping = true;
    ::shutdown(m_state->listener, SHUT_RDWR);
    if (const int client = m_state->client; client >= 0)
        ::shutdown(client, SHUT_RDWR);
    if (m_thread.joinable()) {
        m_thread.join();
        ::close(m_state->listener);
    }
    Seen seen = m_state->seen;
    seen.files = m_state->script.files;
    seen.directories = m_state->script.directories;
    return seen;
}

std::size_t FaultySftpServer::Seen::count(SftpType type) const {
    return static_cast<std::size_t>(std::count(requests.begin(), requests.end(), type));
}

NodeConfig FaultySftpServer::config() const {
    NodeConfig config;
    config.name = "faulty";
    parse_node_url("sftp://ali@127.0.0.1/", config);
    config.connect_timeout = std::chrono::seconds(5);
    config.stall_timeout = std::chrono::seconds(1);
    return config;
}

} // namespace nodespool::node::test
