#pragma once

#include <string>

#include "messages/resources.hpp"

namespace nsai::scheduling {

/// "1.5" for 1500.
std::string decimal(std::int64_t thousandths);
/// What a request asks for: "cpu 4, memory 1024 MiB, 2 GPUs of A100 with 40960 MiB".
std::string request_in_words(resources const& r);
/// Of that the GPUs; it asks for some.
std::string gpus_in_words(resources const& r);
/// "disk=ssd and rack=7": the labels that a node needs for it.
std::string labels_in_words(resources const& r);
/// "1.5 h".
std::string duration_in_words(std::int64_t ms);

}  // namespace nsai::scheduling
