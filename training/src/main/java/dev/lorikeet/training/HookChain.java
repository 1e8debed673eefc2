package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Hooks that are called one after the other, and closed the other way round. */
final class HookChain implements Hook {
  private final List<Hook> hooks = new ArrayList<>();

  /** Adds a hook behind all others. */
  void add(Hook hook) {
    hooks.add(hook);
  }

  @Override
  public void resume() {
    hooks.forEach(Hook::resume);
  }

  @Override
  public void start() {
    hooks.forEach(Hook::start);
  }

  @Override
  public void beforeStep(long step) {
    hooks.forEach(hook -> hook.beforeStep(step));
  }

  @Override
  public void beforeClipping(Map<Parameter, Tensor> gradients) {
    hooks.forEach(hook -> hook.beforeClipping(gradients));
  }

  @Override
  public void beforeUpdate(Map<Parameter, Tensor> gradients, double norm) {
    hooks.forEach(hook -> hook.beforeUpdate(gradients, norm));
  }

  @Override
  public void afterUpdate(Map<Parameter, Tensor> gradients) {
    hooks.forEach(hook -> hook.afterUpdate(gradients));
  }

  @Override
  public void skipped(LorikeetException reason) {
    hooks.forEach(hook -> hook.skipped(reason));
  }

  @Override
  public void afterStep(FinishedStep step) {
    hooks.forEach(hook -> hook.afterStep(step));
  }

  @Override
  public void afterEpoch(EpochReport report) {
    hooks.forEach(hook -> hook.afterEpoch(report));
  }

  @Override
  public void settled(FinishedStep step) {
    hooks.forEach(hook -> hook.settled(step));
  }

  @Override
  public void end() {
    hooks.forEach(Hook::end);
  }

  /**
   * The states of all.
   *
   * @throws LorikeetException when two have a tensor of the same name
   */
  @Override
  public Map<String, Tensor> state() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    for (Hook hook : hooks) {
      hook.state()
          .forEach(
              (name, tensor) -> {
                if (all.put(name, tensor) != null) {
                  throw new LorikeetException(
                      "two hooks save a tensor under the name \""
                          + name
                          + "\": give each names of its own");
                }
              });
    }
    return all;
  }

  @Override
  public void close() {
    for (int i = hooks.size() - 1; i >= 0; i--) {
      hooks.get(i).close();
    }
  }
}
