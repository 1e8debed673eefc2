package dev.lorikeet.models.hub;

import dev.lorikeet.models.hub.HubHttp.Reply;
import org.jspecify.annotations.Nullable;

/**
 * What a hub is asked for, and how its refusals read.
 *
 * @param name of the repository
 * @param file in it; null for the list of all
 */
record HubQuestion(HubName name, @Nullable String file) {
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  String what() {
    return file == null ? name.toString() : name.repo() + ": " + file;
  }

  /** One line: what the hub refused, and the mend. */
  String refusal(Reply reply, HubSettings settings) {
    String code = reply.headers().firstValue("X-Error-Code").orElse("");
    String site = settings.site();
    int status = reply.status();
    if (code.equals("GatedRepo")) {
      return site
          + " gives "
          + name.repo()
          + " only to those who accepted its licence: accept it at "
          + site
          + "/"
          + name.repo()
          + ", and "
          + token(settings);
    }
    if (code.equals("RevisionNotFound")) {
      return site
          + " has no revision \""
          + name.revision()
          + "\" of "
          + name.repo()
          + ": check what stands after the @";
    }
    if (status == NOT_FOUND && file != null) {
      return site + " has no " + file + " in " + name + ", which it lists: try again later";
    }
    if (status == NOT_FOUND) {
      return site + " has no " + name + " (404): check name and revision";
    }
    if (status == UNAUTHORIZED) {
      return site
          + " has no "
          + name
          + " that it would show (401): check the name; if it is private"
          + " or asks to accept a licence, accept that at "
          + site
          + "/"
          + name.repo()
          + ", and "
          + token(settings);
    }
    if (status == FORBIDDEN) {
      return site
          + " forbids "
          + what()
          + " (403): accept its licence at "
          + site
          + "/"
          + name.repo()
          + " if it asks for that, and "
          + token(settings);
    }
    return site
        + " answers "
        + what()
        + " with status "
        + status
        + ": is HF_ENDPOINT the address of a hub?";
  }

  private static String token(HubSettings settings) {
    return settings.token() == null
        ? "set HF_TOKEN to a token that may read it"
        : "check that the token in HF_TOKEN is valid and may read it";
  }
}
