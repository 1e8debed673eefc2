package dev.lorikeet.models.hub;

import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a repository on a hub is called.
 *
 * @param repo {@code organisation/name}
 * @param revision a branch, a tag or a commit
 */
public record HubName(String repo, String revision) {
  /** The branch that is meant where none is named. */
  public static final String MAIN = "main";

  private static final String FOLDER_PREFIX = "models--";
  private static final String SEPARATOR = "--";
  private static final String SNAPSHOTS = "snapshots";
  private static final Pattern REPO =
      Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}");

  /** The rules of the hub, by which each repository has a folder name of its own. */
  public HubName {
    if (!isRepo(repo)) {
      throw new UsageException(
          "\""
              + repo
              + "\" is no name on a hub: give ORGANISATION/NAME, such as google/flan-t5-small");
    }
    SafeNames.mustBeRevision(revision);
  }

  /**
   * Reads {@code organisation/name} or {@code organisation/name@revision}; null where the text is
   * something else.
   *
   * @throws UsageException when the revision is none
   */
  public static @Nullable HubName parse(String typed) {
    int at = typed.indexOf('@');
    String repo = at < 0 ? typed : typed.substring(0, at);
    return isRepo(repo) ? new HubName(repo, at < 0 ? MAIN : typed.substring(at + 1)) : null;
  }

  private static boolean isRepo(String repo) {
    return REPO.matcher(repo).matches()
        && !repo.contains(SEPARATOR)
        && !repo.contains("..")
        && !repo.endsWith(".git")
        && !repo.endsWith(".")
        && !repo.endsWith("-");
  }

  /** The repository and commit whose snapshot in a cache a folder is; null for other folders. */
  public static @Nullable HubName ofSnapshot(Path folder) {
    Path path = folder.toAbsolutePath().normalize();
    int names = path.getNameCount();
    if (names < 3 || !path.getName(names - 2).toString().equals(SNAPSHOTS)) {
      return null;
    }
    String home = path.getName(names - 3).toString();
    String commit = path.getName(names - 1).toString();
    if (!home.startsWith(FOLDER_PREFIX) || !SafeNames.isCommit(commit)) {
      return null;
    }
    String repo = home.substring(FOLDER_PREFIX.length()).replace(SEPARATOR, "/");
    return isRepo(repo) ? new HubName(repo, commit) : null;
  }

  /** The repository's folder in a cache. */
  String folder() {
    return FOLDER_PREFIX + repo.replace("/", SEPARATOR);
  }

  @Override
  public String toString() {
    return revision.equals(MAIN) ? repo : repo + "@" + revision;
  }
}
