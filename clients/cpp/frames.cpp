#include "frames.h"

#include <iterator>

namespace pb = edgeseg::v1;
using std::chrono::duration_cast;

std::ifstream open_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UsageError("cannot read " + path);
  return file;
}

std::uint64_t length_of(std::ifstream& file) {
  file.seekg(0, std::ios::end);
  const std::uint64_t length = file.tellg();
  file.seekg(0);
  return length;
}

bool Frames::next(pb::Frame& frame) {
  if (count_ == given_.loop * given_.files.size() || !wait_for_turn()) return false;
  const auto captured = Clock::now();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  frame = given_.raw;
  frame.set_id(given_.first_id + count_);
  frame.set_captured_unix_ns(duration_cast<std::chrono::nanoseconds>(wall).count());
  if (!fill(frame, given_.files[count_ % given_.files.size()])) return false;
  ++count_;
  // The daemon adds the time since it got the message, so the two clocks need not agree.
  frame.set_age_us(duration_cast<std::chrono::microseconds>(Clock::now() - captured).count());
  return true;
}

void Frames::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (region_ != nullptr) region_->close();
}

// Waits until the next frame is due; false if the stream ends before.
bool Frames::wait_for_turn() {
  std::unique_lock lock(mutex_);
  if (given_.fps > 0) {
    const std::chrono::duration<double> since_begin(count_ / given_.fps);
    const auto due = begun_ + duration_cast<Clock::duration>(since_begin);
    changed_.wait_until(lock, due, [&] { return ended_; });
  }
  return !ended_;
}

// Reads a file into the frame's slot of shared memory or, where it does not fit, into the message.
bool Frames::fill(pb::Frame& frame, const std::string& path) {
  std::ifstream file = open_file(path);
  const std::uint64_t length = length_of(file);
  if (region_ == nullptr || length == 0 || length > region_->slot_bytes()) {
    frame.set_data(std::string(std::istreambuf_iterator<char>(file), {}));
    return true;
  }
  char* slot = region_->allocate(frame.id());
  if (slot == nullptr) return false;
  file.read(slot, length);
  if (static_cast<std::uint64_t>(file.gcount()) != length) {
    // What the slot has behind that is of an earlier frame.
    throw UsageError(path + " has become shorter while it was read");
  }
  *frame.mutable_shared_memory() = region_->handle(frame.id(), length);
  return true;
}
