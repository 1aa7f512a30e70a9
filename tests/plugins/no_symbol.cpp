// Has no entry point.
extern "C" int nsai_something_else() {
  return 1;
}
