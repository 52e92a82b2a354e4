// Running a processor from the command line.
#include "program/processor_program.hpp"

#include "base/path_name.hpp"
#include "base/process.hpp"
#include "cli/json.hpp"
#include "cli/output.hpp"
#include "processor/dry_run.hpp"
#include "processor/progress.hpp"
#include "processor/report.hpp"
#include "program/cluster.hpp"

#include <exception>

namespace nodespool::program {

namespace {

processor::RunOptions run_options(const cli::ProcessorOptions& given, const processor::Cluster& cluster) {
    processor::RunOptions options;
    options.lanes = given.jobs.value_or(processor::default_lanes(cluster));
    options.follow = given.follow == cli::Follow::yes ? processor::Follow::yes : processor::Follow::no;
    options.max_jobs = given.max_jobs;
    options.only = given.only;
    return options;
}

void note(const processor::Summary& summary, cli::ExitStatus& status) {
    if (summary.io_error)
        status.note(cli::Condition::io);
    if (summary.count(processor::Result::rejected) > 0)
        status.note(cli::Condition::rejected);
    if (summary.count(processor::Result::resubmitted) > 0)
        status.note(cli::Condition::resubmitted);
}

void print_end(const processor::Job& job, const processor::Work& work) {
    cli::Json object;
    for (const auto& [key, value] : processor::fields_of(job, work))
        object[std::string(key)] = value;
    object["bytes"] = job.outcome.bytes;
    object["seconds"] = job.outcome.seconds;
    cli::print_json(object);
}

void print_intention(const processor::Intention& intention, cli::OutputFormat format) {
    if (format == cli::OutputFormat::json) {
        cli::Json object;
        object["would"] = intention.what;
        object["job"] = intention.job;
        object["file"] = base::encode_name(intention.path);
        object["size"] = intention.size_bytes;
        object["node"] = intention.node;
        object["reason"] = intention.reason;
        cli::print_json(object);
        return;
    }
    std::string line = intention.job + " would " + intention.what;
    if (!intention.path.empty())
        line +=
            " " + base::encode_name(intention.path) + " (" + std::to_string(intention.size_bytes) + " bytes)";
    if (!intention.node.empty())
        line += " on " + intention.node;
    if (!intention.reason.empty())
        line += ": " + base::printable(intention.reason);
    cli::print(line + "\n");
}

bool wants_progress(cli::Progress progress) {
    return progress == cli::Progress::always ||
           (progress == cli::Progress::automatic && base::is_terminal(base::k_standard_error));
}

void dry_run(const cli::Invocation& invocation, const processor::Cluster& cluster, const MakeWork& make_work,
             const processor::RunOptions& options, cli::ExitStatus& status) {
    const auto spool = queue::Spool::open_existing(cluster.root, base::system_clock());
    const auto catalog = catalog::Catalog::open_existing(cluster.root);
    const auto work = make_work({cluster, spool, catalog, std::nullopt, [] { return base::Stop::no; }});
    note(processor::dry_run(cluster, spool, *work, options,
                            [&](const auto& intention) { print_intention(intention, invocation.format); }),
         status);
}

void run(const cli::Invocation& invocation, const MakeWork& make_work, cli::ExitStatus& status) {
    const bool is_dry = invocation.dry_run == cli::DryRun::yes; // which asks no node
    const cli::Config config =
        cli::open_cluster(invocation, is_dry ? cli::Passwords::not_needed : cli::Passwords::needed);
    const processor::Cluster cluster = cluster_of(config);
    const cli::ProcessorOptions given = cli::processor_options(invocation, config);
    processor::RunOptions options = run_options(given, cluster);
    if (is_dry) {
        dry_run(invocation, cluster, make_work, options, status);
        return;
    }
    base::StopSignal stop; // before any other thread
    const queue::Spool spool(cluster.root, base::system_clock());
    const catalog::Catalog catalog(cluster.root);
    const auto work =
        make_work({cluster, spool, catalog, given.limit_bytes_per_second, [&] { return stop.state(); }});
    std::exception_ptr output_failure; // a closed pipe must not end the run in the middle of a commit
    if (invocation.format == cli::OutputFormat::json)
        options.on_end = [&](const processor::Job& job) {
            try {
                if (!output_failure)
                    print_end(job, *work);
            } catch (const base::Error&) {
                output_failure = std::current_exception();
            }
        };
    processor::Processor processor(cluster, spool, *work, stop, options);
    std::optional<processor::Progress> progress;
    if (wants_progress(given.progress))
        progress.emplace(std::string(work->verb()), processor, spool, *work);
    note(processor.run(), status);
    if (output_failure)
        std::rethrow_exception(output_failure);
}

} // namespace

cli::Command processor_command(const MakeWork& make_work, cli::Transfers transfers) {
    using cli::Common;
    cli::Command command;
    command.synopsis = {cli::processor_synopsis(transfers)};
    command.common = {Common::directory, Common::dry_run, Common::verbose, Common::quiet, Common::json};
    cli::add_processor_options(command.options, transfers);
    command.body = [make_work](const cli::Invocation& invocation, cli::ExitStatus& status) {
        run(invocation, make_work, status);
    };
    return command;
}

} // namespace nodespool::program
