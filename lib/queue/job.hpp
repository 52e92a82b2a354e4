// Job lines: the record that one line of a queue file stands for, its strict reader and its writer.
#pragma once

#include "base/error.hpp"
#include "base/timestamp.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nodespool::queue {

enum class Keyword { upload, store, replicate, remove };
inline constexpr Keyword k_keywords[] = {Keyword::upload, Keyword::store, Keyword::replicate,
                                         Keyword::remove};

std::string_view to_string(Keyword keyword);
std::optional<Keyword> keyword_of(std::string_view word);

/// The node list of a job: `n1 n2` allows only these, `-n3` forbids one.
struct NodeList {
    std::vector<std::string> only;
    std::vector<std::string> without;

    [[nodiscard]] bool allows(std::string_view node) const;
};

/// One job as its line says it. Formats: nodespool-queue(5).
///
///     upload    FILE UID SIZE MTIME [NODE...] [KEY=VALUE...]
///     store     FILE SIZE MTIME     [NODE...] [KEY=VALUE...]
///     replicate FILE SIZE MTIME     [NODE...] [KEY=VALUE...]
///     remove    NODE REMOTE-NAME SIZE         [KEY=VALUE...]
struct JobRecord {
    Keyword keyword = Keyword::store;
    std::string path;            ///< raw cluster path; for remove: the raw name on the node
    std::string node;            ///< remove only
    std::uint32_t owner_uid = 0; ///< upload only
    std::uint64_t size_bytes = 0;
    base::WrittenTime mtime; ///< not in remove
    NodeList nodes;          ///< not in remove

    /// All KEY=VALUE in the order written, unknown ones too. The known ones are also parsed below.
    std::vector<std::pair<std::string, std::string>> attributes;
    std::optional<unsigned> copies;
    std::optional<base::Timestamp> since;
    std::optional<base::Timestamp> not_before;
    unsigned attempts = 0;

    /// Writes KEY=VALUE into `attributes`, in place of an earlier one.
    void set_attribute(std::string_view key, std::string value);
    void drop_attribute(std::string_view key);
    [[nodiscard]] const std::string* find_attribute(std::string_view key) const;
    /// The cluster file that it is about; of a remove job what its `path=` says. nullopt: it does not say.
    [[nodiscard]] std::optional<std::string> cluster_path() const;
};

/// The attribute by which a `replicate` job without `copies=` is known again where its line was written anew
/// and the old one may still stand: all of its lines carry the same value, and make one copy.
inline constexpr std::string_view k_job_id = "job";
bool needs_job_id(const JobRecord& job);
/// Gives it ClaimedFile::line_id() of its line, where it needs one.
void give_job_id(JobRecord& job, const std::string& line_id);

/// The job for an upload as it stands now.
JobRecord upload_job(std::string path, std::uint32_t owner_uid, std::uint64_t size_bytes,
                     base::Timestamp mtime);

/// Where a line stands, for error messages.
struct LineOrigin {
    std::string file;
    std::uint64_t line = 0; ///< from 1
};

/// A line that can never run: "FILE:LINE:COLUMN: found X, expected Y".
class JobError : public base::Error {
  public:
    JobError(const LineOrigin& origin, std::size_t column, const std::string& found,
             const std::string& expected);
};

using NodeNames = std::set<std::string, std::less<>>;

inline constexpr std::size_t k_max_line_bytes = 65536;

/// Reads one line without its newline (a trailing CR is accepted). @param known  the configured nodes:
/// another name is an error; nullptr: any name will do. @throws JobError
JobRecord parse_job(std::string_view line, const LineOrigin& origin, const NodeNames* known);

/// The line of @p job, without newline; parse_job() reads it back to the same record.
std::string format_job(const JobRecord& job);

/// What a line is, by its first word alone. A comment or blank line is nothing; `unknown` can never run.
enum class LineKind { nothing, job, unknown };
struct LineClass {
    LineKind kind = LineKind::nothing;
    Keyword keyword = Keyword::store; ///< of LineKind::job
};
LineClass classify(std::string_view line);

} // namespace nodespool::queue
