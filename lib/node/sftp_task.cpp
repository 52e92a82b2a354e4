// How requests end, and removing.
#include "node/sftp_task.hpp"

#include "base/path_name.hpp"
#include "node/sftp_errors.hpp"

namespace nodespool::node {

std::exception_ptr error_of(const SftpTrouble& trouble, const std::string& node, const Request& request) {
    const std::string verb = request.kind == Request::Kind::put ? "put " : "remove ";
    return std::make_exception_ptr(
        NodeError(trouble.failure, node,
                  "cannot " + verb + base::printable(request.name) + ": " + trouble.text, trouble.refusal));
}

void SftpTask::fail(std::exception_ptr error) {
    m_request.error = std::move(error);
    m_is_done = true;
}

void SftpTask::fail(const SftpTrouble& trouble) {
    fail(error_of(trouble, m_work.node, m_request));
}

void SftpTask::fail_by_space(SftpTrouble trouble, std::uint64_t wanted_bytes) {
    if (trouble.failure != Failure::temporary ||
        !ask_for_space(m_work.connection, sftp_path(m_work.root, ""), wanted_bytes, trouble,
                       [this](const SftpTrouble& seen) { fail(seen); }))
        fail(trouble);
}

SftpTrouble SftpTask::trouble_of(const SftpReply::Status& status) const {
    return node::trouble_of(status, m_work.connection);
}

std::string SftpTask::path() const {
    return sftp_path(m_work.root, m_request.name);
}

void SftpRemoval::start() {
    m_work.connection.send_string(SftpType::remove, path(), [this](SftpReply& reply) { on_removed(reply); });
}

void SftpRemoval::on_removed(SftpReply& reply) {
    const SftpReply::Status status = reply.status();
    if (status.code == SftpStatus::ok) {
        request().removal = Removal::removed;
        succeed();
    } else if (status.code == SftpStatus::no_such_file) {
        on_absent();
    } else {
        look_why_not_removed(trouble_of(status));
    }
}

void SftpRemoval::on_absent() {
    m_work.directories.look_for_root([this](const std::optional<SftpTrouble>& trouble) {
        if (trouble) {
            fail(*trouble);
            return;
        }
        request().removal = Removal::was_absent;
        succeed();
    });
}

void SftpRemoval::look_why_not_removed(const SftpTrouble& trouble) {
    m_work.connection.send_string(SftpType::lstat, path(), [this, trouble](SftpReply& reply) {
        if (!reply.is_or_status(SftpType::attributes)) {
            if (reply.status().code == SftpStatus::no_such_file)
                on_absent(); // somebody else was faster
            else
                fail_by_space(trouble, 0);
        } else if (reply.fields.attributes().type == base::FileType::directory) {
            fail({Failure::permanent, "it is a directory: " + trouble.text});
        } else {
            fail_by_space(trouble, 0);
        }
    });
}

} // namespace nodespool::node
