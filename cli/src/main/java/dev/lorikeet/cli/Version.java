package dev.lorikeet.cli;

import dev.lorikeet.torch.Torch;
import picocli.CommandLine.IVersionProvider;

/** Says which Lorikeet, libtorch and Java this is. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    String version = Version.class.getPackage().getImplementationVersion();
    return new String[] {
      "lorikeet " + (version == null ? "(development)" : version),
      "libtorch " + Torch.version() + ", " + Torch.gpuCount() + " CUDA devices",
      "java " + Runtime.version()
    };
  }
}
