// Queueing the removal of copies.
#include "processor/removals.hpp"

#include "base/path_name.hpp"
#include "queue/outbox.hpp"

namespace nodespool::processor {

queue::JobRecord removal_of(const catalog::Copy& copy, const std::string& path, std::uint64_t size_bytes) {
    queue::JobRecord job;
    job.keyword = queue::Keyword::remove;
    job.node = copy.node;
    job.path = copy.name;
    job.size_bytes = size_bytes;
    job.set_attribute("path", base::encode_name(path));
    return job;
}

void queue_removals(catalog::LinkBatch& batch, const queue::Spool& spool,
                    const std::vector<WithGoneCopies>& links) {
    queue::Outbox outbox(spool);
    for (const WithGoneCopies& version : links)
        for (const catalog::Copy& copy : version.link.gone)
            outbox.add(removal_of(copy, version.link.path, version.gone_size_bytes), queue::Priority::normal,
                       "");
    outbox.commit();
    for (const WithGoneCopies& version : links) {
        catalog::Link link = version.link;
        link.gone.clear();
        batch.replace(link);
    }
    batch.commit();
}

} // namespace nodespool::processor
