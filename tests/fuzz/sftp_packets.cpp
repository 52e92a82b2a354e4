// SFTP packets from a server: they fall out the same however they arrive, and no field reaches beyond its
// own.
#include "node/sftp_packets.hpp"

#include "fuzz/fuzzer.hpp"
#include "node/sftp_connection.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace nodespool;
using namespace nodespool::node;
using fuzz::demand;

namespace {

struct Packets {
    std::vector<std::string> packets;
    std::string complaint; ///< of the length that ended it; empty: there was none

    bool operator==(const Packets&) const = default;
};

void take_packets(SftpInput& input, Packets& into) {
    while (const std::optional<std::string_view> packet = input.next())
        into.packets.emplace_back(*packet);
}

/// What comes of @p text when it arrives in pieces of @p piece bytes.
Packets packets_of(std::string_view text, std::size_t piece) {
    Packets result;
    SftpInput input;
    std::size_t taken = 0;
    try {
        while (taken < text.size()) {
            const std::span<char> room = input.room();
            demand(!room.empty(), "there is always room for more");
            const std::size_t count = std::min({room.size(), piece, text.size() - taken});
            std::copy_n(text.data() + taken, count, room.data());
            input.filled(count);
            taken += count;
            take_packets(input, result);
        }
        std::size_t bytes = 0;
        for (const std::string& packet : result.packets)
            bytes += 4 + packet.size();
        demand(input.empty() == (bytes == text.size()), "what is no whole packet yet is kept", text);
    } catch (const BadPacket& bad) {
        result.complaint = bad.what();
        fuzz::demand_printable(result.complaint, "a complaint can be shown");
    }
    return result;
}

/// Every view that a packet gives lies in it.
class Reader {
  public:
    explicit Reader(std::string_view packet) : m_packet(packet) {}

    void text(std::string_view view) const {
        demand(view.empty() || (view.data() >= m_packet.data() &&
                                view.data() + view.size() <= m_packet.data() + m_packet.size()),
               "a field lies in its packet", m_packet);
    }

    void attributes(const SftpAttributes& attributes) const {
        demand(!attributes.type || *attributes.type == base::FileType::regular ||
                   *attributes.type == base::FileType::directory ||
                   *attributes.type == base::FileType::symlink || *attributes.type == base::FileType::other,
               "a type is one", m_packet);
    }

    /// As SftpConnection and what it answers read the packet's type.
    void read(SftpType type, SftpFields fields) const {
        switch (type) {
        case SftpType::version:
            fields.u32();
            while (!fields.empty()) {
                text(fields.string());
                text(fields.string());
            }
            break;
        case SftpType::status: {
            SftpReply reply{type, fields};
            text(reply.status().words);
            break;
        }
        case SftpType::handle:
        case SftpType::data:
            text(fields.string());
            break;
        case SftpType::attributes:
            attributes(fields.attributes());
            break;
        case SftpType::name:
            for (std::uint32_t left = fields.u32(); left > 0; --left) {
                text(fields.string());
                text(fields.string());
                attributes(fields.attributes());
            }
            break;
        default: // extended_reply: numbers
            while (!fields.empty())
                fields.u64();
        }
    }

  private:
    std::string_view m_packet;
};

void check_packet(std::string_view packet) {
    demand(!packet.empty() && packet.size() <= SftpInput::k_longest_packet,
           "a packet is as long as it may be");
    const auto type = static_cast<SftpType>(static_cast<unsigned char>(packet.front()));
    SftpFields fields(packet.substr(1));
    try {
        if (type != SftpType::version)
            fields.u32(); // the request that it answers
        Reader(packet).read(type, fields);
    } catch (const BadPacket& bad) {
        fuzz::demand_printable(bad.what(), "a complaint can be shown");
    }
    SftpReply reply{type, fields};
    try {
        demand(reply.is_or_status(SftpType::handle) == (type == SftpType::handle), "a reply is what it is");
    } catch (const BadPacket&) {
        demand(type != SftpType::handle && type != SftpType::status, "a handle or a status is an answer");
    }
}

/// What we write comes back as it was, in whatever pieces it is sent.
void check_output(const std::vector<std::string>& strings, std::size_t piece) {
    SftpOutput output;
    std::string sent;
    const auto send = [&](std::size_t most) {
        const std::string_view bytes = output.bytes().substr(0, most);
        sent += bytes;
        output.written(bytes.size());
    };
    for (const std::string& string : strings) {
        output.begin(SftpType::write).u32(7).string(string).u64(string.size());
        const std::span<char> room = output.room_for_string(string.size() + 10);
        std::copy(string.begin(), string.end(), room.begin());
        output.fit_string(string.size());
        output.end();
        output.begin(SftpType::close).string(string);
        output.cancel();
        send(piece);
    }
    send(output.bytes().size());
    demand(output.bytes().empty(), "all is written");
    const Packets back = packets_of(sent, piece);
    demand(back.packets.size() == strings.size(), "a packet that was written is one", sent);
    for (std::size_t i = 0; i < strings.size(); ++i) {
        SftpFields fields(std::string_view(back.packets[i]).substr(1));
        demand(back.packets[i].front() == static_cast<char>(SftpType::write) && fields.u32() == 7 &&
                   fields.string() == strings[i] && fields.u64() == strings[i].size() &&
                   fields.string() == strings[i] && fields.empty(),
               "a packet that was written reads the same", back.packets[i]);
    }
}

} // namespace

/// A byte that says in what pieces it comes, then what comes.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::size_t piece = std::max<std::size_t>(data[0], 1);
    const std::string_view text = fuzz::text_of(data + 1, size - 1);
    const Packets packets = packets_of(text, text.size() + 1);
    demand(packets_of(text, piece) == packets, "packets are the same however they arrive", text);
    for (const std::string& packet : packets.packets)
        check_packet(packet);
    check_output(packets.packets, piece);
    return 0;
}
