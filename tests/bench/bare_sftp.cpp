// The SFTP protocol (version 3, draft-ietf-secsh-filexfer-02) and nothing else, over one connection with many
// requests under way: bare_sftp DESTINATION FILES-FILE SSH...  SSH is the command that connects, `ssh
// [options] -s HOST sftp`. Stores the files that FILES-FILE lists (a local path a line) in DESTINATION.
// Nothing is checked or recorded.
#include "small_things.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <list>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::size_t k_files_under_way = 64;
constexpr std::size_t k_writes_under_way = 64;
constexpr std::size_t k_write_bytes = 32768; // what every server takes
constexpr std::size_t k_most_unsent = 1 << 20;

enum PacketType : std::uint8_t {
    init = 1,
    version = 2,
    open_file = 3,
    close_file = 4,
    write_file = 6,
    status = 101,
    handle = 102
};

class Packet {
  public:
    explicit Packet(PacketType type) { m_bytes.push_back(static_cast<char>(type)); }
    Packet& u32(std::uint32_t value) {
        for (int shift = 24; shift >= 0; shift -= 8)
            m_bytes.push_back(static_cast<char>(value >> shift));
        return *this;
    }
    Packet& u64(std::uint64_t value) {
        return u32(static_cast<std::uint32_t>(value >> 32)).u32(static_cast<std::uint32_t>(value));
    }
    Packet& text(const std::string& value) {
        u32(static_cast<std::uint32_t>(value.size()));
        m_bytes += value;
        return *this;
    }
    const std::string& finished() {
        const auto length = static_cast<std::uint32_t>(m_bytes.size() - 4);
        for (std::size_t i = 0; i < 4; ++i)
            m_bytes[i] = static_cast<char>(length >> (24 - 8 * i));
        return m_bytes;
    }

  private:
    std::string m_bytes = std::string(4, '\0'); ///< the length comes first
};

std::uint32_t u32_at(const std::string& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
    return value;
}

struct File {
    std::string path;
    bench::Fd fd;
    std::string handle;
    std::uint64_t size = 0;
    std::uint64_t offset = 0;
    std::size_t replies_due = 0;
    bool closing = false;
};

class Client {
  public:
    Client(int socket, std::string destination, std::vector<std::string> files)
        : m_socket(socket),
          m_destination(std::move(destination)),
          m_files(std::move(files)) {}

    void run() {
        fcntl(m_socket, F_SETFL, O_NONBLOCK);
        m_output = Packet(init).u32(3).finished();
        while (m_done < m_files.size()) {
            pollfd look{m_socket, POLLIN, 0};
            if (m_output.size() > m_sent)
                look.events |= POLLOUT;
            if (poll(&look, 1, -1) < 0)
                bench::fail_errno("poll");
            if ((look.revents & POLLOUT) != 0)
                flush();
            if ((look.revents & (POLLIN | POLLHUP)) != 0)
                receive();
        }
    }

  private:
    void flush() {
        const ssize_t sent = send(m_socket, m_output.data() + m_sent, m_output.size() - m_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            bench::fail_errno("writing to ssh");
        m_sent += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
        if (m_sent == m_output.size()) {
            m_output.clear();
            m_sent = 0;
        }
        go_on();
    }

    void receive() {
        std::array<char, 65536> chunk{};
        const ssize_t got = recv(m_socket, chunk.data(), chunk.size(), 0);
        if (got == 0)
            bench::fail("ssh closed the connection");
        if (got < 0) {
            if (errno != EAGAIN)
                bench::fail_errno("reading from ssh");
            return;
        }
        m_input.append(chunk.data(), static_cast<std::size_t>(got));
        std::size_t at = 0;
        while (m_input.size() - at >= 4 && m_input.size() - at - 4 >= u32_at(m_input, at)) {
            const std::uint32_t length = u32_at(m_input, at);
            take(m_input.substr(at + 4, length));
            at += 4 + length;
        }
        m_input.erase(0, at);
        go_on();
    }

    void take(const std::string& packet) {
        const auto type = static_cast<std::uint8_t>(packet.at(0));
        if (type == version) {
            m_is_ready = true;
            return;
        }
        const auto asked = m_requests.find(u32_at(packet, 1));
        if (asked == m_requests.end())
            bench::fail("a reply to no request");
        File& file = *asked->second;
        m_requests.erase(asked);
        if (type == handle) {
            file.handle = packet.substr(9, u32_at(packet, 5));
            --file.replies_due;
        } else if (type == status && u32_at(packet, 5) == 0) {
            --file.replies_due;
        } else {
            bench::fail(file.path + " was refused");
        }
    }

    void go_on() {
        if (!m_is_ready)
            return;
        m_done +=
            std::erase_if(m_open, [](const File& file) { return file.closing && file.replies_due == 0; });
        while (m_open.size() < k_files_under_way && m_next < m_files.size())
            begin(m_files[m_next++]);
        for (File& file : m_open)
            feed(file);
    }

    void begin(const std::string& path) {
        File& file = m_open.emplace_back();
        file.path = path;
        file.fd = bench::Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat found {};
        if (file.fd.get() < 0 || fstat(file.fd.get(), &found) != 0)
            bench::fail_errno(path);
        file.size = static_cast<std::uint64_t>(found.st_size);
        constexpr std::uint32_t write_create_truncate = 0x1A;
        ask(file, Packet(open_file)
                      .u32(m_next_id)
                      .text(m_destination + "/" + bench::base_name(path))
                      .u32(write_create_truncate)
                      .u32(0));
    }

    void feed(File& file) {
        if (file.handle.empty() || file.closing)
            return;
        while (file.offset < file.size && file.replies_due < k_writes_under_way &&
               m_output.size() < k_most_unsent) {
            std::string block(std::min<std::uint64_t>(k_write_bytes, file.size - file.offset), '\0');
            if (pread(file.fd.get(), block.data(), block.size(), static_cast<off_t>(file.offset)) !=
                static_cast<ssize_t>(block.size()))
                bench::fail_errno("reading " + file.path);
            ask(file, Packet(write_file).u32(m_next_id).text(file.handle).u64(file.offset).text(block));
            file.offset += block.size();
        }
        if (file.offset == file.size) {
            ask(file, Packet(close_file).u32(m_next_id).text(file.handle));
            file.closing = true;
        }
    }

    void ask(File& file, Packet& packet) {
        m_requests[m_next_id++] = &file;
        ++file.replies_due;
        m_output += packet.finished();
    }

    int m_socket;
    std::string m_destination;
    std::vector<std::string> m_files;
    std::string m_output;
    std::size_t m_sent = 0;
    std::string m_input;
    bool m_is_ready = false;
    std::uint32_t m_next_id = 1;
    std::unordered_map<std::uint32_t, File*> m_requests;
    std::list<File> m_open;
    std::size_t m_next = 0;
    std::size_t m_done = 0;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 4)
        bench::fail("usage: bare_sftp DESTINATION FILES-FILE SSH...");
    std::vector<std::string> files;
    std::ifstream list(argv[2]);
    for (std::string line; std::getline(list, line);)
        files.push_back(line);
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        bench::fail_errno("socketpair");
    const pid_t ssh = fork();
    if (ssh == 0) {
        dup2(ends[1], STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        execvp(argv[3], argv + 3);
        std::perror(argv[3]);
        _exit(127);
    }
    close(ends[1]);
    Client(ends[0], argv[1], files).run();
    close(ends[0]);
    waitpid(ssh, nullptr, 0);
    return 0;
}
