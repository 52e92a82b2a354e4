// Rejected lines back into the queue, in groups.
#include "queue/requeue.hpp"

#include "queue/outbox.hpp"
#include "queue/worked_off.hpp"

#include <memory>

namespace nodespool::queue {

namespace {

constexpr std::size_t k_lines_in_a_group = 4096;
constexpr std::size_t k_files_in_a_group = 128;
constexpr std::size_t k_descriptors_to_a_file = 2;

/// What is wrong, without where: "found X, expected Y".
std::string_view fault_in(std::string_view reason) {
    const std::size_t found = reason.find(": found ");
    return found == reason.npos ? reason : reason.substr(found + 2);
}

class Requeue {
  public:
    Requeue(const Spool& spool, const NodeNames& known,
            const std::function<void(const std::string& reason)>& on_rejected)
        : m_spool(&spool),
          m_rejected_spool(spool.rejected_spool()),
          m_known(&known),
          m_on_rejected(&on_rejected),
          m_outbox(spool),
          m_worked_off(m_rejected_spool) {}

    Requeued run(const std::vector<std::string>& names) {
        m_spool->clear_abandoned();
        settle_set_aside_files(m_rejected_spool);
        for (const std::string& name : names) {
            auto claimed = ClaimedFile::claim(m_rejected_spool, name);
            if (!claimed) {
                m_requeued.busy_files += base::status_at(m_rejected_spool.fd(), name) ? 1 : 0;
                continue;
            }
            read(std::make_shared<OpenFile>(OpenFile{std::move(claimed), false}));
        }
        move_group();
        m_worked_off.retire();
        return m_requeued;
    }

  private:
    struct OpenFile {
        std::shared_ptr<ClaimedFile> claimed;
        bool lines_stay = false;
    };
    struct MovedLine {
        std::shared_ptr<OpenFile> file;
        LineMark mark;
    };

    void read(const std::shared_ptr<OpenFile>& file) {
        std::string comment;
        while (const std::optional<RawLine> line = file->claimed->next()) {
            if (classify(line->text).kind == LineKind::nothing) {
                comment = line->text;
                continue;
            }
            judge(file, *line, std::exchange(comment, {}));
            if (m_moved.size() >= k_lines_in_a_group)
                move_group();
        }
        m_read_to_end.push_back(file);
        if (m_read_to_end.size() >= m_files_in_a_group)
            move_group();
    }

    void judge(const std::shared_ptr<OpenFile>& file, const RawLine& line, const std::string& comment) {
        try {
            JobRecord job = parse_job(line.text, {file->claimed->path(), line.number}, m_known);
            give_job_id(job, file->claimed->line_id(mark_of(line)));
            m_outbox.add(job, Priority::normal, {});
            ++m_requeued.jobs;
            m_moved.push_back({file, mark_of(line)});
        } catch (const JobError& error) {
            ++m_requeued.rejected;
            (*m_on_rejected)(error.what());
            if (fault_in(comment) == fault_in(error.what())) {
                file->lines_stay = true; // with the reason that it has
                return;
            }
            m_outbox.reject(*file->claimed, mark_of(line), error.what());
            m_moved.push_back({file, mark_of(line)});
        }
    }

    /// The group's lines are durable in their new places, and then ticked in their old ones.
    void move_group() {
        m_outbox.commit();
        for (const MovedLine& line : std::exchange(m_moved, {}))
            if (line.file->claimed->tick(line.mark) == Tick::let_go)
                line.file->lines_stay = true;
        for (const auto& file : std::exchange(m_read_to_end, {}))
            if (!file->lines_stay)
                m_worked_off.add(file->claimed);
    }

    const std::size_t m_files_in_a_group =
        base::within_open_file_limit(k_files_in_a_group, k_descriptors_to_a_file);
    const Spool* m_spool;
    Spool m_rejected_spool;
    const NodeNames* m_known;
    const std::function<void(const std::string& reason)>* m_on_rejected;
    Outbox m_outbox;
    WorkedOff m_worked_off;
    std::vector<MovedLine> m_moved;
    std::vector<std::shared_ptr<OpenFile>> m_read_to_end;
    Requeued m_requeued;
};

} // namespace

Requeued requeue_rejected(const Spool& spool, const std::vector<std::string>& names, const NodeNames& known,
                          const std::function<void(const std::string& reason)>& rejected) {
    return Requeue(spool, known, rejected).run(names);
}

} // namespace nodespool::queue
