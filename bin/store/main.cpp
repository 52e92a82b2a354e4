// store: moves uploads to node servers.
#include "processor/store_work.hpp"
#include "program/processor_program.hpp"

int main(int argc, char** argv) {
    using namespace nodespool;
    const cli::Command command = program::processor_command([](const program::WorkContext& context) {
        return std::make_unique<processor::StoreWork>(context.cluster, context.spool, context.catalog,
                                                      context.limit_bytes_per_second, context.stop);
    });
    return cli::run(argc, argv, {"store", "store uploads on node servers", {command}});
}
