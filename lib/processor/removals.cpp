// Queueing the removal of copies.
#include "processor/removals.hpp"

#include "processor/link_jobs.hpp"
#include "queue/outbox.hpp"

namespace nodespool::processor {

void queue_removals(catalog::LinkBatch& batch, const queue::Spool& spool,
                    const std::vector<WithGoneCopies>& links) {
    queue::Outbox outbox(spool);
    for (const WithGoneCopies& version : links)
        for (const catalog::Copy& copy : version.link.gone)
            outbox.add(remove_job(copy, version.link.path, version.gone_size_bytes), queue::Priority::normal,
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
