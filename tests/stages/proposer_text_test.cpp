#include "stages/proposer_text.hpp"

#include <string>

#include <doctest/doctest.h>

using namespace nsai::stages;

TEST_CASE("claims with and without a document, and relations") {
  auto const p = parse_proposal(
      "Some words first.\nCLAIM[c1] (Document 4983): Cerebral white matter grows.\n"
      "  CLAIM[c2]:  It grows fast. \r\nRELATION: c2 supports c1\nRELATION: c3 refutes c1\n");
  REQUIRE(p.claims.size() == 2);
  CHECK(p.claims[0].id == "c1");
  CHECK(p.claims[0].document == "4983");
  CHECK(p.claims[1].document.empty());
  CHECK(p.claims[1].text == "It grows fast.");
  REQUIRE(p.relations.size() == 2);
  CHECK(p.relations[1].kind == "refutes");
  CHECK(p.documents == std::vector<std::string>{"4983"});
  CHECK(p.malformed == 0);
}

TEST_CASE("every form of citation, each document once") {
  auto const p =
      parse_proposal("Document 12: x [DocID: a-7] then [ref:b_2], [123:0] and (Document 12) again");
  CHECK(p.documents == std::vector<std::string>{"12", "a-7", "b_2", "123"});
}

TEST_CASE("what only looks like a citation is none") {
  CHECK(parse_proposal("Document without a number, Document 5 without a colon, [12], [12:], "
                       "[ref:], [DocID: , [1:2")
            .documents.empty());
}

TEST_CASE("lines that begin well and go wrong are malformed") {
  for (std::string const line :
       {"CLAIM", "CLAIM[]: x", "CLAIM[c1 : x", "CLAIM[c1]", "CLAIM[c1]:   ", "CLAIM c1: x",
        "CLAIM[c1] (Document): x", "CLAIM[c1] (Paper 3): x", "RELATION: a likes b",
        "RELATION: a supports", "RELATION: a supports b c", "RELATION a supports b"}) {
    CAPTURE(line);
    auto const p = parse_proposal(line);
    CHECK(p.claims.empty());
    CHECK(p.relations.empty());
    CHECK(p.malformed == 1);
  }
}

TEST_CASE("a line of a megabyte costs no stack") {
  CHECK(parse_proposal("CLAIM[c1]: " + std::string(1 << 20, 'x')).claims.size() == 1);
  CHECK(parse_proposal(std::string(1 << 20, '[')).documents.empty());
}

TEST_CASE("an id with dots is cited whole; the dot that ends a sentence is not of it") {
  CHECK(parse_proposal("As in Document 2004.14974: x, (Document 10.1038/x), [ref:1.2.] and (see "
                       "Document 7.)")
            .documents == std::vector<std::string>{"2004.14974", "1.2", "7"});
  CHECK(parse_proposal("CLAIM[c1] (Document ...): x").malformed == 1);
}

TEST_CASE("what a CLAIM line names as its document comes back, there and among the citations") {
  for (std::string const id : {"4983", "2004.14974", "a-b_c.d", "PMC12", ".5"})
    for (std::string const form : {"(Document ID)", "( Document  ID )", "(DocumentID)",
                                   "(Document\tID)", "(Document ID.)"}) {
      auto text = form;
      text = "CLAIM[c.1] " + text.replace(text.find("ID"), 2, id) + ": Cells grow.";
      CAPTURE(text);
      auto const p = parse_proposal(text + "\n" + text);
      REQUIRE(p.claims.size() == 2);
      CHECK(p.claims[0].id == "c.1");
      CHECK(p.claims[0].document == id);
      CHECK(p.claims[0].text == "Cells grow.");
      CHECK(p.documents == std::vector<std::string>{id});
    }
}
