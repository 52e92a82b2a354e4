// upload-hook: turns an FTP or SFTP server's upload event into a job; finds the uploads whose event was lost.
#include "base/log.hpp"
#include "base/path_name.hpp"
#include "cli/cluster.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "cli/paths.hpp"
#include "processor/uploads.hpp"

#include <cstdlib>

namespace {

using namespace nodespool;

processor::Cluster cluster_of(const cli::Config& config) {
    processor::Cluster cluster;
    cluster.root = config.root;
    cluster.files = config.files;
    cluster.keep_local =
        config.keep_local == cli::KeepLocal::yes ? processor::KeepLocal::yes : processor::KeepLocal::no;
    cluster.release_at_copies = config.release_at_copies;
    cluster.quiet = config.quiet;
    return cluster;
}

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
    const auto log = [&](base::LogLevel level, const char* reason) {
        base::log(level, {{"result", "skipped"}, {"file", base::encode_name(path)}, {"reason", reason}});
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
    case processor::Skipped::unclaimed:
        log(base::LogLevel::warning,
            "a run hid it and no link file knows it: rename it to keep it, or remove it");
        return;
    }
}

void scan(const cli::Invocation& invocation, const cli::Config& config, cli::ExitStatus& status) {
    const processor::Cluster cluster = cluster_of(config);
    const base::Clock& clock = base::system_clock();
    const processor::FileSpace files(config.files, config.quiet, clock);
    const bool dry = invocation.dry_run == cli::DryRun::yes;
    const queue::Spool spool =
        dry ? queue::Spool::open_existing(config.root, clock) : queue::Spool(config.root, clock);
    processor::UploadQueue uploads(files, spool);
    std::vector<processor::Upload> found;
    scan_uploads(cluster, files, spool, dry ? nullptr : &uploads,
                 {[&](const processor::Upload& upload) { found.push_back(upload); },
                  [&](const std::string& path, processor::Skipped why) { tell_skipped(path, why, status); }});
    const std::string queue_file = uploads.commit();
    for (const processor::Upload& upload : found)
        tell(upload, queue_file, invocation.format);
}

/// Every file that can be queued is queued, whatever is wrong with the others.
void queue_files(const cli::Invocation& invocation, const cli::Config& config, cli::ExitStatus& status) {
    const base::Clock& clock = base::system_clock();
    const processor::FileSpace files(config.files, config.quiet, clock);
    const bool dry = invocation.dry_run == cli::DryRun::yes;
    const queue::Spool spool =
        dry ? queue::Spool::open_existing(config.root, clock) : queue::Spool(config.root, clock);
    processor::UploadQueue uploads(files, spool);
    std::vector<processor::Upload> found;
    for (const std::string& argument : invocation.operands) {
        try {
            const std::string path = cli::cluster_path_of(config, argument);
            if (!dry) {
                found.push_back(uploads.add(path));
                continue;
            }
            const auto look = files.look(path);
            if (!look.status)
                throw processor::NoUpload(base::ErrorClass::io, argument + ": " + look.why_not, look.missing);
            found.push_back({path, *look.status});
        } catch (const processor::NoUpload& error) {
            const bool is_ordinary = error.is_missing() && is_called_by_server();
            base::log(is_ordinary ? base::LogLevel::info : base::LogLevel::error, error.what());
            if (!is_ordinary)
                status.note(error.error_class());
        } catch (const base::Error& error) {
            base::log(base::LogLevel::error, error.what());
            status.note(error.error_class());
        }
    }
    const std::string queue_file = uploads.commit();
    for (const processor::Upload& upload : found)
        tell(upload, queue_file, invocation.format);
}

void upload_hook(const cli::Invocation& invocation, cli::ExitStatus& status) {
    const bool scans = invocation.has("scan");
    if (scans != invocation.operands.empty())
        throw base::Error(base::ErrorClass::usage,
                          scans ? "--scan takes no FILE: it looks at the whole file space"
                                : "found no FILE, expected at least one, or --scan");
    const cli::Config config = cli::open_cluster(invocation, cli::Passwords::not_needed);
    if (scans)
        scan(invocation, config, status);
    else
        queue_files(invocation, config, status);
}

} // namespace

int main(int argc, char** argv) {
    cli::Command command;
    command.synopsis = {"[-nqv] [-C DIR] [--json] FILE ...", "[-nqv] [-C DIR] [--json] --scan"};
    command.common = {cli::Common::directory, cli::Common::dry_run, cli::Common::verbose, cli::Common::quiet,
                      cli::Common::json};
    command.options.add_options()(
        "scan", "queue every quiet file of the file space that is neither queued nor stored");
    command.operands = {"FILE", 0, cli::k_any_number};
    command.body = upload_hook;
    return cli::run(argc, argv, {"upload-hook", "queue uploaded files", {command}});
}
