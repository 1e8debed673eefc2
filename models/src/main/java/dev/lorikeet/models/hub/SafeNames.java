package dev.lorikeet.models.hub;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Printable;
import dev.lorikeet.torch.UsageException;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What may become part of a path in the cache. Names come from servers and from users; none of them
 * may lead out of the folder that they are resolved in, on any platform.
 */
final class SafeNames {
  private static final int LONGEST_NAME = 1024;
  private static final int LONGEST_SEGMENT = 255;

  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  /** Git's SHA-1 of a file, or the SHA-256 of one in LFS. */
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");

  /** This folder, the one above, and what Windows takes for them. */
  private static final Pattern DOTS = Pattern.compile("[. ]+");

  private static final Pattern DRIVE = Pattern.compile("[A-Za-z]:.*", Pattern.DOTALL);
  private static final Pattern DEVICE =
      Pattern.compile("(con|prn|aux|nul|com\\d|lpt\\d)(\\..*)?", Pattern.CASE_INSENSITIVE);

  /** What git does not allow in a reference, and what Windows does not in a file's name. */
  private static final Pattern NOT_IN_REVISION = Pattern.compile("[\\x00- \\x7f~^:?*\\[\\\\<>|\"]");

  private SafeNames() {}

  static boolean isCommit(String text) {
    return COMMIT.matcher(text).matches();
  }

  /** A file's name in a repository, {@code /} between its folders. */
  static String mustBeFile(String name) {
    if (!isRelative(name) || name.indexOf('\\') >= 0 || DRIVE.matcher(name).matches()) {
      throw new LorikeetException(
          "the hub names a file "
              + shown(name)
              + ", which could lie outside of the cache: nothing is fetched from this repository");
    }
    return name;
  }

  /** Whether an ETag is a hash of the file's bytes, and so the name of its blob. */
  static boolean isHash(String etag) {
    return HASH.matcher(etag).matches();
  }

  static void mustBeRevision(String revision) {
    if (!isRelative(revision)
        || NOT_IN_REVISION.matcher(revision).find()
        || revision.contains("..")
        || Stream.of(revision.split("/")).anyMatch(SafeNames::isDevice)
        || ("/" + revision).contains("/.")
        || (revision + "/").contains(".lock/")) {
      throw new UsageException(
          shown(revision) + " is no revision: give a branch, a tag or a commit after the @");
    }
  }

  private static boolean isRelative(String name) {
    if (name.length() > LONGEST_NAME) {
      return false;
    }
    for (String segment : name.split("/", -1)) {
      if (!isSegment(segment)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isSegment(String segment) {
    return !segment.isEmpty()
        && segment.length() <= LONGEST_SEGMENT
        && !DOTS.matcher(segment).matches()
        && segment.chars().allMatch(c -> c >= ' ' && c != 0x7f);
  }

  /** Whether a name is a device of Windows in any folder. */
  static boolean isDevice(String segment) {
    return DEVICE.matcher(segment).matches();
  }

  /** A stranger's text, short and without what moves a terminal's cursor. */
  static String shown(String text) {
    String beginning = text.length() > 80 ? text.substring(0, 80) + "..." : text;
    return "\"" + Printable.line(beginning) + "\"";
  }
}
