package dev.lorikeet.torch;

import java.util.regex.Pattern;

/**
 * Where a tensor lives: {@code cpu} or {@code cuda:N}.
 *
 * @param name the name as libtorch spells it
 */
public record Device(String name) {
  private static final Pattern NAME = Pattern.compile("cpu|cuda:\\d+");

  /** The host's memory. */
  public static final Device CPU = new Device("cpu");

  public Device {
    if (!NAME.matcher(name).matches()) {
      throw new UsageException("unknown device \"" + name + "\": use auto, cpu, cuda or cuda:N");
    }
  }

  /**
   * The device that a user names: {@code auto} is the first GPU where there is one, else the CPU;
   * {@code cuda} is {@code cuda:0}.
   *
   * @throws UsageException when the name is unknown or the machine has no such GPU
   */
  public static Device of(String name) {
    int gpus = Torch.gpuCount();
    return switch (name) {
      case "auto" -> gpus > 0 ? new Device("cuda:0") : CPU;
      case "cuda" -> existing(new Device("cuda:0"), gpus);
      default -> existing(new Device(name), gpus);
    };
  }

  private static Device existing(Device device, int gpus) {
    if (device.isCuda() && Integer.parseInt(device.name.substring("cuda:".length())) >= gpus) {
      throw new UsageException(
          "device "
              + device.name
              + " is not on this machine, which has "
              + gpus
              + " CUDA devices: use"
              + " --device cpu or auto");
    }
    return device;
  }

  public boolean isCuda() {
    return name.startsWith("cuda");
  }

  @Override
  public String toString() {
    return name;
  }
}
