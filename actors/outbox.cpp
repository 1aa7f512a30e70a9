#include "actors/outbox.hpp"

namespace nsai::actors {

commit_order commit_pipeline::begin() {
  commit_order order;
  order.number = ++number_;
  order.changes = std::make_shared<std::vector<store::change> const>(std::exchange(changes_, {}));
  order.reads = std::make_shared<std::vector<store_read> const>(std::exchange(reads_, {}));
  in_flight_ = std::exchange(mail_, {});
  payloads_wanted_ = 0;
  under_way_ = true;
  return order;
}

outbox commit_pipeline::finish() {
  under_way_ = false;
  return std::exchange(in_flight_, {});
}

std::vector<outbox> commit_pipeline::abandon() {
  std::vector<outbox> untold;
  untold.push_back(std::exchange(in_flight_, {}));
  untold.push_back(std::exchange(mail_, {}));
  changes_.clear();
  reads_.clear();
  payloads_wanted_ = 0;
  under_way_ = false;
  // A late answer to the abandoned order carries an older number and is ignored.
  ++number_;
  return untold;
}

}  // namespace nsai::actors
