// upload-hook: turns an FTP or SFTP server's upload event into a job; finds the uploads whose event was lost.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "cli/cluster.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "processor/uploads.hpp"
#include "program/cluster.hpp"

#include <cstdlib>

namespace {

using namespace nodespool;

/// pure-uploadscript sets these, and calls for uploads that were broken off as well.
bool is_called_by_server() {
    return std::getenv("UPLOAD_SIZE") != nullptr;
}

void tell(const processor::Upload& upload, const std::string& queue_file, cli::OutputFormat format) {
    const std::string path = base::encode_name(upload.path);
    base::log(base::LogLevel::info, {{"result", queue_file.empty() ? "would-queue" : "queued"},
                                     {"file", path},
                                     {"bytes", std::to_string(upload.status.size_bytes)},
                                     {"mtime", base::format_time(upload.status.mtime)}});
    if (format == cli::OutputFormat::json) {
        cli::Json object;
        object["path"] = path;
        object["size"] = upload.status.size_bytes;
        object["mtime"] = base::format_time(upload.status.mtime);
        object["owner"] = upload.status.uid;
        object["queue-file"] = queue_file;
        cli::print_json(object);
    } else if (queue_file.empty()) {
        cli::print("would queue " + path + " (" + std::to_string(upload.status.size_bytes) + " bytes)\n");
    }
}

void tell_skipped(const std::string& path, processor::Skipped why, cli::ExitStatus& status) {
    const auto log = [&](base::LogLevel level, std::string_view reason) {
        base::log(
            level,
            {{"result", "skipped"}, {"file", base::encode_name(path)}, {"reason", std::string(reason)}});
    };
    switch (why) {
    case processor::Skipped::queued:
        log(base::LogLevel::debug, "a job for it stands in the queue");
        return;
    case processor::Skipped::stored:
        log(base::LogLevel::debug, "it is stored");
        return;
    case processor::Skipped::being_written:
        log(base::LogLevel::info, "it is not quiet yet");
        return;
    case processor::Skipped::unreadable:
        log(base::LogLevel::error, "permission denied");
        status.note(cli::Condition::permission);
        return;
    case processor::Skipped::unsynced:
        log(base::LogLevel::error, "it could not be written to disk, and may be damaged: " +
                                       std::string(processor::k_unsynced_remedy));
        status.note(cli::Condition::io);
        return;
    case processor::Skipped::unclaimed:
        log(base::LogLevel::warning,
            "a run hid it and no link file knows it: rename it to keep it, or remove it");
        return;
    }
}

/// One call of the program: gathers uploads, queues them together, tells of each.
class Hook {
  public:
    Hook(const cli::Invocation& invocation, const cli::Config& config, cli::ExitStatus& status)
        : m_invocation(&invocation),
          m_config(&config),
          m_status(&status),
          m_files(config.files, config.quiet, base::system_clock()),
          m_spool(is_dry() ? queue::Spool::open_existing(config.root, base::system_clock())
                           : queue::Spool(config.root, base::system_clock())),
          m_uploads(m_files, m_spool) {}

    void scan() {
        scan_uploads(program::cluster_of(*m_config), m_files, m_spool, is_dry() ? nullptr : &m_uploads,
                     scan_listener());
    }

    /// Every file that can be queued is queued, whatever is wrong with the others.
    void take(const std::string& argument) {
        try {
            const std::string path = cli::cluster_path_of(*m_config, argument);
            if (is_dry())
                tell(looked_at(path), {}, m_invocation->format);
            else
                m_uploads.add(path);
        } catch (const processor::NoUpload& error) {
            const bool is_ordinary =
                error.why() == processor::NoUpload::Why::missing && is_called_by_server();
            base::log(is_ordinary ? base::LogLevel::info : base::LogLevel::error, error.what());
            if (!is_ordinary)
                m_status->note(error.error_class());
        } catch (const base::Error& error) {
            refuse(error);
        }
    }

    void commit() { tell_all(m_uploads.commit()); }

    void follow(base::StopSignal& stop) {
        const auto tell_now = [this](const processor::QueuedUploads& queued) {
            tell_all(queued);
            cli::flush_output(); // for whoever reads along
        };
        const auto trouble = [](const base::Error& error) {
            base::log(base::LogLevel::error, std::string(error.what()) + "; trying again");
        };
        follow_uploads(
            program::cluster_of(*m_config), m_files, m_spool, stop,
            {scan_listener(), tell_now, [this](const base::Error& error) { refuse(error); }, trouble});
    }

  private:
    [[nodiscard]] bool is_dry() const { return m_invocation->dry_run == cli::DryRun::yes; }

    /// Of a scan that queues, commit() tells.
    [[nodiscard]] processor::ScanListener scan_listener() {
        return {
            [this](const processor::Upload& upload) {
                if (is_dry())
                    tell(upload, {}, m_invocation->format);
            },
            [this](const std::string& path, processor::Skipped why) { tell_skipped(path, why, *m_status); },
            [this](const std::string&, const base::Error& error) { refuse(error); }};
    }

    void tell_all(const processor::QueuedUploads& queued) {
        for (const processor::Upload& upload : queued.uploads)
            tell(upload, queued.queue_file, m_invocation->format);
        for (const processor::QueuedUploads::Failed& failed : queued.failed)
            refuse(failed.error);
        for (const processor::QueuedUploads::Failed& postponed : queued.postponed)
            refuse(postponed.error);
    }

    void refuse(const base::Error& error) {
        base::log(base::LogLevel::error, error.what());
        m_status->note(error.error_class());
    }

    [[nodiscard]] processor::Upload looked_at(const std::string& path) const {
        const auto found = m_files.look(path);
        if (!found.status)
            throw processor::NoUpload(base::ErrorClass::io, base::printable(path) + ": " + found.why_not,
                                      found.missing ? processor::NoUpload::Why::missing
                                                    : processor::NoUpload::Why::refused);
        return {path, *found.status};
    }

    const cli::Invocation* m_invocation;
    const cli::Config* m_config;
    cli::ExitStatus* m_status;
    processor::FileSpace m_files;
    queue::Spool m_spool;
    processor::UploadQueue m_uploads;
};

void refuse_bad_usage(const cli::Invocation& invocation) {
    const bool scans = invocation.has("scan");
    const bool follows = invocation.has("follow");
    const auto refuse = [](const char* why) { throw base::Error(base::ErrorClass::usage, why); };
    if (scans && follows)
        refuse("--scan and --follow exclude each other: --follow begins with a scan");
    if (follows && invocation.dry_run == cli::DryRun::yes)
        refuse("--follow has no dry run: --scan -n shows what it would begin with");
    if ((scans || follows) && !invocation.operands.empty())
        refuse("--scan and --follow take no FILE: they look at the whole file space");
    if (!scans && !follows && invocation.operands.empty())
        refuse("found no FILE, expected at least one, or --scan, or --follow");
}

void upload_hook(const cli::Invocation& invocation, cli::ExitStatus& status) {
    refuse_bad_usage(invocation);
    std::optional<base::StopSignal> stop;
    if (invocation.has("follow"))
        stop.emplace();
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    Hook hook(invocation, config, status);
    if (stop) {
        hook.follow(*stop);
        return;
    }
    if (invocation.has("scan"))
        hook.scan();
    for (const std::string& argument : invocation.operands)
        hook.take(argument);
    hook.commit();
}

} // namespace

int main(int argc, char** argv) {
    cli::Command command;
    command.synopsis = {"[-nqv] [-C DIR] [--json] FILE ...", "[-nqv] [-C DIR] [--json] --scan",
                        "[-qv] [-C DIR] [--json] --follow"};
    command.common = {cli::Common::directory, cli::Common::dry_run, cli::Common::verbose, cli::Common::quiet,
                      cli::Common::json};
    auto add = command.options.add_options();
    add("scan", "queue every quiet file of the file space that is neither queued nor stored");
    add("follow", "stay, and queue uploads as they are finished; needs no hook in the server");
    command.operands = {"FILE", 0, cli::k_any_number};
    command.body = upload_hook;
    return cli::run(argc, argv, {"upload-hook", "queue uploaded files", {command}});
}
