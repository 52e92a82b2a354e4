// The FTP protocol and nothing else: bare_ftp [--eager] N ADDRESS PORT LOGIN-FILE DESTINATION FILES-FILE
// N connections store the files that FILES-FILE lists (a local path a line) in the directory DESTINATION:
// EPSV, connect, STOR, the data, the reply. Nothing is looked at, checked or recorded.
// --eager: STOR and the next EPSV go out at once, without waiting for the replies in between (not every
// server bears it). LOGIN-FILE: user and password, a line each.
#include "small_things.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

namespace {

enum class Order { usual, eager };

struct Work {
    Order order = Order::usual;
    std::string address;
    int port = 0;
    std::string user;
    std::string password;
    std::string destination;
    std::vector<std::string> files;
    std::atomic<std::size_t> next{0};
};

bench::Fd connected(const std::string& address, int port) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(static_cast<std::uint16_t>(port));
    if (inet_pton(AF_INET, address.c_str(), &peer.sin_addr) != 1)
        bench::fail(address + " is no IPv4 address");
    bench::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0)
        bench::fail_errno("connect to " + address + ":" + std::to_string(port));
    return fd;
}

class Connection {
  public:
    explicit Connection(Work& work) : m_work(&work), m_control(connected(work.address, work.port)) {
        expect(220);
        say("USER " + work.user);
        expect(331);
        say("PASS " + work.password);
        expect(230);
        say("TYPE I");
        expect(200);
    }

    void run() {
        std::size_t mine = m_work->next++;
        if (mine < m_work->files.size())
            say("EPSV");
        while (mine < m_work->files.size()) {
            const std::size_t next = m_work->next++;
            store(m_work->files[mine], next < m_work->files.size());
            mine = next;
        }
        say("QUIT");
        expect(221);
    }

  private:
    void store(const std::string& file, bool another_follows) {
        const std::string reply = expect(229);
        const int port = std::atoi(reply.c_str() + reply.find("|||") + 3);
        const std::string stor = "STOR " + m_work->destination + "/" + bench::base_name(file);
        if (m_work->order == Order::eager) {
            say(another_follows ? stor + "\r\nEPSV" : stor);
            bench::Fd data = connected(m_work->address, port);
            send_file(file, data);
            data.reset();
            expect(150);
            expect(226);
            return;
        }
        bench::Fd data = connected(m_work->address, port);
        say(stor);
        expect(150);
        send_file(file, data);
        data.reset();
        expect(226);
        if (another_follows)
            say("EPSV");
    }

    static void send_file(const std::string& file, const bench::Fd& data) {
        const bench::Fd from(open(file.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat status {};
        if (from.get() < 0 || fstat(from.get(), &status) != 0)
            bench::fail_errno(file);
        for (off_t left = status.st_size; left > 0;) {
            const ssize_t sent = sendfile(data.get(), from.get(), nullptr, static_cast<std::size_t>(left));
            if (sent <= 0)
                bench::fail_errno("sending " + file);
            left -= sent;
        }
    }

    void say(const std::string& command) {
        const std::string line = command + "\r\n";
        if (send(m_control.get(), line.data(), line.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(line.size()))
            bench::fail_errno("sending a command");
    }

    std::string expect(int code) {
        for (;;) {
            std::string line = read_line();
            if (line.size() > 3 && line[3] == '-')
                continue; // more of a reply of several lines
            if (std::atoi(line.c_str()) != code)
                bench::fail("expected " + std::to_string(code) + ", found: " + line);
            return line;
        }
    }

    std::string read_line() {
        std::size_t end = 0;
        while ((end = m_input.find('\n')) == std::string::npos) {
            char chunk[512];
            const ssize_t got = recv(m_control.get(), chunk, sizeof chunk, 0);
            if (got <= 0)
                bench::fail_errno("the server closed the connection");
            m_input.append(chunk, static_cast<std::size_t>(got));
        }
        std::string line = m_input.substr(0, end);
        m_input.erase(0, end + 1);
        return line;
    }

    Work* m_work;
    bench::Fd m_control;
    std::string m_input;
};

void read_lists(Work& work, const char* login_file, const char* files_file) {
    std::ifstream login(login_file);
    if (!std::getline(login, work.user) || !std::getline(login, work.password))
        bench::fail(std::string(login_file) + ": expected user and password, a line each");
    std::ifstream files(files_file);
    for (std::string line; std::getline(files, line);)
        work.files.push_back(line);
}

} // namespace

int main(int argc, char** argv) {
    Work work;
    if (argc > 1 && std::string(argv[1]) == "--eager") {
        work.order = Order::eager;
        ++argv;
        --argc;
    }
    if (argc != 7)
        bench::fail("usage: bare_ftp [--eager] N ADDRESS PORT LOGIN-FILE DESTINATION FILES-FILE");
    work.address = argv[2];
    work.port = std::atoi(argv[3]);
    work.destination = argv[5];
    read_lists(work, argv[4], argv[6]);
    std::vector<std::thread> threads;
    for (int i = 0; i < std::atoi(argv[1]); ++i)
        threads.emplace_back([&work] { Connection(work).run(); });
    for (std::thread& thread : threads)
        thread.join();
    return 0;
}
