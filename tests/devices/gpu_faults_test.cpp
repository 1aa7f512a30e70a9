// Whose fault an error is that the driver reports.
#include "devices/gpu_faults.hpp"

#include <doctest/doctest.h>

using namespace nsai::devices;

TEST_CASE("gpu faults: a program's errors are never the GPU's") {
  for (unsigned const xid : {13U, 31U, 43U, 45U, 68U, 69U})
    CHECK_MESSAGE(kind_of_xid(xid) == xid_kind::application, xid);
}

TEST_CASE("gpu faults: errors of memory, bus, links and the GPU's own processors are the GPU's") {
  for (unsigned const xid : {48U, 62U, 64U, 74U, 79U, 92U, 94U, 95U, 119U, 120U, 140U})
    CHECK_MESSAGE(kind_of_xid(xid) == xid_kind::hardware, xid);
}

TEST_CASE("gpu faults: what is noted, or not known, keeps no GPU from jobs") {
  for (unsigned const xid : {0U, 1U, 63U, 109U, 4711U})
    CHECK_MESSAGE(kind_of_xid(xid) == xid_kind::note, xid);
}

TEST_CASE("gpu faults: words") {
  CHECK(xid_words(79) == "XID 79: the GPU has fallen off the bus");
  CHECK(xid_words(4711) == "XID 4711");
}
