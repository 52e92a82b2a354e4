// queue add.
#include "queue/add.hpp"

#include "queue/line_reader.hpp"

namespace nodespool::queue {

Added add_jobs(const Spool* spool, int fd, const std::string& name_for_errors, const NodeNames& known,
               Priority priority, const std::function<void(const std::string& reason)>& rejected) {
    Added added;
    std::optional<QueueFileWriter> good;
    std::optional<QueueFileWriter> bad;
    LineReader reader(fd, name_for_errors, Input::stream);
    while (const std::optional<RawLine> line = reader.next()) {
        if (classify(line->text).kind == LineKind::nothing)
            continue;
        try {
            const JobRecord job = parse_job(line->text, {name_for_errors, line->number}, &known);
            ++added.jobs;
            if (spool != nullptr && !good)
                good.emplace(spool->new_file(priority));
            if (good)
                good->add(job);
        } catch (const JobError& error) {
            ++added.rejected;
            rejected(error.what());
            if (spool != nullptr && !bad)
                bad.emplace(spool->new_rejected_file());
            if (!bad)
                continue;
            bad->add_comment(error.what());
            if (line->length > line->text.size())
                bad->add_comment("only the first bytes of the line are kept here");
            bad->add_raw(line->text);
        }
    }
    if (bad) {
        bad->commit();
        added.rejected_file = bad->name();
    }
    if (good) {
        good->commit();
        added.queue_file = good->name();
    }
    return added;
}

} // namespace nodespool::queue
