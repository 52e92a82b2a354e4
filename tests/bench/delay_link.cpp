// A network link with a round trip: delay_link MILLISECONDS  makes a TUN device whose packets come back half
// the round trip later, in order, at unlimited rate. Unlike a proxy it delays connecting, too, and TCP
// behaves as on a real link.
//
// The device holds both ends: clients connect to 198.18.0.2, servers listen on 198.18.1.1 (addresses for
// benchmarks, RFC 2544). A packet 198.18.0.1 > 198.18.0.2 comes back as 198.18.1.2 > 198.18.1.1, and its
// answer the same way. Commands on standard input, a line each: `count` prints, as JSON, what passed since
// the last `count`; its end ends the link.
#include "small_things.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t k_ip_header = 20;
constexpr std::size_t k_most_bytes = 2048;
constexpr const char* k_client = "198.18.0.1";
constexpr const char* k_server = "198.18.1.1";
constexpr std::uint8_t k_tcp = 6;
constexpr std::uint8_t k_syn = 0x02;
constexpr std::uint8_t k_ack = 0x10;

struct Counts {
    unsigned long connections = 0;
    unsigned long packets = 0;
    unsigned long bytes_to_server = 0;
    unsigned long bytes_to_client = 0;
    /// How often a client spoke again after the server had: request-and-answer turns, over all connections.
    unsigned long turns = 0;
};

enum class Toward { server, client };

class Packet {
  public:
    Packet(const std::uint8_t* bytes, std::size_t size) : m_bytes(bytes, bytes + size) {}

    [[nodiscard]] bool is_tcp() const {
        return m_bytes.size() >= k_ip_header + 20 && at(0) == 0x45 && at(9) == k_tcp;
    }
    [[nodiscard]] Toward toward() const { return at(14) == 0 ? Toward::server : Toward::client; }
    [[nodiscard]] std::uint8_t flags() const { return at(k_ip_header + 13); }
    [[nodiscard]] std::size_t payload() const {
        const std::size_t total = static_cast<std::size_t>(at(2)) << 8 | at(3);
        return total - k_ip_header - static_cast<std::size_t>(at(k_ip_header + 12) >> 4) * 4;
    }
    /// The two ports, the client's first.
    [[nodiscard]] std::uint32_t connection() const {
        const std::uint32_t from = static_cast<std::uint32_t>(at(20)) << 8 | at(21);
        const std::uint32_t to = static_cast<std::uint32_t>(at(22)) << 8 | at(23);
        return toward() == Toward::server ? from << 16 | to : to << 16 | from;
    }

    /// From the one network into the other: source and destination change places, the third byte of each
    /// flips.
    void turn_around() {
        for (std::size_t i = 0; i < 4; ++i)
            std::swap(m_bytes[12 + i], m_bytes[16 + i]);
        const bool was_client_side = at(14) == 0;
        for (const std::size_t third : {14, 18})
            m_bytes[third] = was_client_side ? 1 : 0;
        adjust(10, was_client_side);
        adjust(k_ip_header + 16, was_client_side);
    }

    [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return m_bytes; }

  private:
    [[nodiscard]] std::uint8_t at(std::size_t i) const { return m_bytes[i]; }

    /// The checksum at @p where after two 16-bit words grew by 0x0100, or shrank (RFC 1624).
    void adjust(std::size_t where, bool grew) {
        std::uint32_t sum = static_cast<std::uint16_t>(~(at(where) << 8 | at(where + 1)));
        sum += grew ? 0x0200U : 0xFFFFU - 0x0200U;
        sum = (sum & 0xFFFFU) + (sum >> 16);
        const auto checksum = static_cast<std::uint16_t>(~sum);
        m_bytes[where] = static_cast<std::uint8_t>(checksum >> 8);
        m_bytes[where + 1] = static_cast<std::uint8_t>(checksum & 0xFF);
    }

    std::vector<std::uint8_t> m_bytes;
};

void give_address(int socket, const std::string& name, const char* address) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    sockaddr_in value{};
    value.sin_family = AF_INET;
    inet_pton(AF_INET, address, &value.sin_addr);
    std::memcpy(&request.ifr_addr, &value, sizeof value);
    if (ioctl(socket, SIOCSIFADDR, &request) != 0)
        bench::fail_errno("giving the device the address " + std::string(address));
    inet_pton(AF_INET, "255.255.255.0", &value.sin_addr);
    std::memcpy(&request.ifr_netmask, &value, sizeof value);
    if (ioctl(socket, SIOCSIFNETMASK, &request) != 0)
        bench::fail_errno("giving the device a netmask");
}

bench::Fd made_device() {
    bench::Fd device(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (device.get() < 0)
        bench::fail_errno("/dev/net/tun");
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::strcpy(request.ifr_name, "nsbench%d");
    if (ioctl(device.get(), TUNSETIFF, &request) != 0)
        bench::fail_errno("making a TUN device");
    const std::string name = request.ifr_name;

    const bench::Fd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    request.ifr_qlen = 10000; // a burst of all connections must not be dropped
    if (ioctl(control.get(), SIOCSIFTXQLEN, &request) != 0)
        bench::fail_errno("setting the queue length");
    give_address(control.get(), name, k_client);
    give_address(control.get(), name + ":1", k_server);
    std::memset(&request, 0, sizeof request);
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0)
        bench::fail_errno("starting the device");
    return device;
}

class Link {
  public:
    explicit Link(Clock::duration delay) : m_delay(delay), m_device(made_device()) {}

    void run() {
        std::printf("ready\n");
        std::fflush(stdout);
        for (;;) {
            pollfd looks[] = {{m_device.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
            timespec wait{};
            if (ppoll(looks, 2, time_left(wait), nullptr) < 0)
                bench::fail_errno("poll");
            if ((looks[0].revents & POLLIN) != 0)
                take_in();
            put_out();
            if (looks[1].revents != 0 && !obey())
                return;
        }
    }

  private:
    struct Waiting {
        Clock::time_point due;
        Packet packet;
    };

    timespec* time_left(timespec& wait) const {
        if (m_waiting.empty())
            return nullptr;
        const auto left = std::max(Clock::duration::zero(), m_waiting.front().due - Clock::now());
        const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
        wait = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
        return &wait;
    }

    void take_in() {
        std::array<std::uint8_t, k_most_bytes> buffer{};
        for (;;) {
            const ssize_t got = read(m_device.get(), buffer.data(), buffer.size());
            if (got <= 0)
                return;
            Packet packet(buffer.data(), static_cast<std::size_t>(got));
            if (!packet.is_tcp())
                continue;
            count(packet);
            packet.turn_around();
            m_waiting.push_back({Clock::now() + m_delay, std::move(packet)});
        }
    }

    void put_out() {
        const auto now = Clock::now();
        while (!m_waiting.empty() && m_waiting.front().due <= now) {
            const std::vector<std::uint8_t>& bytes = m_waiting.front().packet.bytes();
            if (write(m_device.get(), bytes.data(), bytes.size()) < 0)
                bench::fail_errno("writing a packet");
            m_waiting.pop_front();
        }
    }

    void count(const Packet& packet) {
        ++m_counts.packets;
        if ((packet.flags() & (k_syn | k_ack)) == k_syn) {
            ++m_counts.connections;
            m_spoke_last.erase(packet.connection());
        }
        if (packet.payload() == 0)
            return;
        const Toward toward = packet.toward();
        (toward == Toward::server ? m_counts.bytes_to_server : m_counts.bytes_to_client) += packet.payload();
        const auto [last, is_first] = m_spoke_last.try_emplace(packet.connection(), Toward::client);
        if (toward == Toward::server && (is_first || last->second == Toward::client))
            ++m_counts.turns;
        last->second = toward;
    }

    bool obey() {
        char line[64];
        const ssize_t got = read(STDIN_FILENO, line, sizeof line);
        if (got <= 0)
            return false;
        std::printf(
            R"({"connections":%lu,"packets":%lu,"bytes_to_server":%lu,"bytes_to_client":%lu,"turns":%lu})"
            "\n",
            m_counts.connections, m_counts.packets, m_counts.bytes_to_server, m_counts.bytes_to_client,
            m_counts.turns);
        std::fflush(stdout);
        m_counts = {};
        return true;
    }

    Clock::duration m_delay;
    bench::Fd m_device;
    std::deque<Waiting> m_waiting;
    std::map<std::uint32_t, Toward> m_spoke_last;
    Counts m_counts;
};

} // namespace

int main(int argc, char** argv) {
    const double round_trip_ms = argc == 2 ? std::atof(argv[1]) : 0;
    if (round_trip_ms <= 0)
        bench::fail("usage: delay_link MILLISECONDS");
    prctl(PR_SET_TIMERSLACK, 1);
    Link(std::chrono::duration_cast<Clock::duration>(
             std::chrono::duration<double, std::milli>(round_trip_ms / 2)))
        .run();
    return 0;
}
