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
constexpr std::array<ProgramEntry, 13> k_programs = {
    {{"upload-hook", "queue an upload, called by the FTP or SFTP server"},
     {"store", "store queued uploads on node servers"},
     {"replicate", "copy stored files to further node servers"},
     {"remove", "remove copies that are no longer wanted"},
     {"queue", "look at the queue, and change it"},
     {"list", "list the files of the cluster and where they are"},
     {"list-node", "list what a node really holds"},
     {"delete", "delete files of the cluster"},
     {"check", "compare nodes and link files, print every difference"},
     {"repair", "repair what check printed"},
     {"nodes", "show node servers, try them out, mark them"},
     {"drain", "move all copies away from a node"},
     {"forget", "give up a lost node's copies"}}};

} // namespace nodespool
