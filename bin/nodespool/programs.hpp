// The programs that `nodespool NAME` runs.
#pragma once

#include <array>
#include <string_view>

namespace nodespool {

struct ProgramEntry {
    std::string_view name;
    std::string_view purpose;
};

/// A test holds this table against the directories of bin/.
constexpr std::array<ProgramEntry, 4> k_programs = {
    {{"upload-hook", "queue an upload, called by the FTP or SFTP server"},
     {"store", "store queued uploads on node servers"},
     {"queue", "show, add to and retry the jobs of the queue"},
     {"list", "list the files of the cluster and where they are"}}};

} // namespace nodespool
