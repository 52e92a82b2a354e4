// A put, from OPEN to the size that the server reports.
#include "base/path_name.hpp"
#include "node/sftp_errors.hpp"
#include "node/sftp_task.hpp"

namespace nodespool::node {

void SftpPut::start() {
    m_work.directories.prepare(std::string(base::parent_of(request().name)));
    m_work.connection.send(
        SftpType::open,
        [&](SftpOutput& fields) {
            // A name is used once, ever. No attributes: rights as the server's umask says.
            fields.string(path()).u32(k_sftp_write | k_sftp_create | k_sftp_exclusive).u32(0);
        },
        [this](SftpReply& reply) { on_opened(reply); });
}

void SftpPut::on_opened(SftpReply& reply) {
    if (!reply.is_or_status(SftpType::handle)) {
        on_not_opened(reply.status());
        return;
    }
    m_handle = reply.fields.string();
    m_work.directories.is_there(std::string(base::parent_of(request().name)));
    m_work.writers.push_back(this);
}

void SftpPut::on_not_opened(const SftpReply::Status& status) {
    if (status.code != SftpStatus::no_such_file) {
        look_why_not_opened(trouble_of(status));
    } else if (m_made_directory) {
        fail({Failure::temporary, "its directory went away: " + trouble_of(status).text});
    } else {
        m_made_directory = true;
        m_work.directories.make(std::string(base::parent_of(request().name)),
                                [this](const std::optional<SftpTrouble>& trouble) {
                                    if (trouble)
                                        fail_by_space(*trouble, 0);
                                    else
                                        start();
                                });
    }
}

void SftpPut::look_why_not_opened(const SftpTrouble& trouble) {
    m_work.connection.send_string(SftpType::lstat, path(), [this, trouble](SftpReply& reply) {
        if (reply.is_or_status(SftpType::attributes))
            fail({Failure::permanent, "a file of that name is there: " + trouble.text});
        else
            fail_by_space(trouble, 0);
    });
}

std::size_t SftpPut::read_block(std::span<char> block) {
    std::size_t size = 0;
    try {
        while (!m_is_read && size < block.size()) {
            const std::size_t got = m_source.read(block.subspan(size));
            size += got;
            m_is_read = got == 0;
        }
        return size;
    } catch (...) {
        m_thrown = std::current_exception();
        m_is_read = true;
        return 0;
    }
}

bool SftpPut::write_block() {
    if (m_trouble) // no use in sending the rest
        m_is_read = true;
    if (!m_is_read) {
        const std::size_t size = m_work.connection.send_write(
            m_handle, m_offset, [this](std::span<char> block) { return read_block(block); },
            [this](SftpReply& reply, std::size_t count) { on_written(reply, count); });
        m_offset += size;
        m_work.unacknowledged_bytes += size;
        m_owed += size > 0 ? 1 : 0;
    }
    if (m_is_read)
        close();
    return !m_is_read;
}

void SftpPut::close() {
    ++m_owed;
    m_work.connection.send_string(SftpType::close, m_handle, [this](SftpReply& reply) { on_closed(reply); });
    if (!m_thrown && !m_trouble)
        look();
}

void SftpPut::look() {
    ++m_owed;
    m_work.connection.send_string(SftpType::lstat, path(), [this](SftpReply& reply) { on_looked(reply); });
}

void SftpPut::on_written(SftpReply& reply, std::size_t count) {
    m_work.unacknowledged_bytes -= count;
    --m_owed;
    note(reply.status(), count);
    settle();
}

void SftpPut::on_closed(SftpReply& reply) {
    m_is_closed = true;
    --m_owed;
    note(reply.status(), 0);
    settle();
}

void SftpPut::on_looked(SftpReply& reply) {
    --m_owed;
    if (reply.is_or_status(SftpType::attributes))
        m_size_there = reply.fields.attributes().size_bytes;
    else
        note(reply.status(), 0);
    settle();
}

void SftpPut::note(const SftpReply::Status& status, std::size_t size) {
    if (status.code == SftpStatus::ok || m_trouble)
        return;
    m_trouble = trouble_of(status);
    m_refused_bytes = size;
}

void SftpPut::settle() {
    if (m_owed > 0 || !m_is_closed)
        return;
    const std::uint64_t size = m_source.size_bytes();
    if (m_thrown) {
        fail(m_thrown);
    } else if (m_trouble) {
        fail_by_space(*m_trouble, m_refused_bytes);
    } else if (m_size_there == size) {
        succeed();
    } else if (!m_looked_again) { // it may have looked before it wrote the last block
        m_looked_again = true;
        look();
    } else {
        fail({Failure::temporary,
              "the node holds " + (m_size_there ? std::to_string(*m_size_there) : "an unknown number of") +
                  " bytes of it, " + std::to_string(size) + " were sent"});
    }
}

} // namespace nodespool::node
