package dev.lorikeet.training;

import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Trains several adapters of one model at once. At each step the rows of all members go through the
 * base together, cut into parts by length whoever's they are, each row answered by its member's
 * adapter; so the base's products are made once for all, on more rows, with less padding. All else
 * is each member's own: data and their order, loss, clipping, optimizer, schedule, evaluation. A
 * member that is done drops out.
 *
 * <p>Without dropout each adapter ends as its {@link Trainer} alone would leave it, up to the order
 * of sums. With dropout it ends elsewhere, as with another seed: masks are drawn for the rows of
 * all members together, from the seed of the first.
 *
 * <p>Members are evaluated one after the other, and their times are of the steps of all together. A
 * checkpoint holds them all, those that are done too; it is written when it is time for one of
 * them.
 */
public final class JointTrainer {
  private final Adapters adapters;
  private final Map<String, Trainer> members;
  private final Model model;
  private @Nullable Checkpoints checkpoints;

  /**
   * Training of some of a model's adapters.
   *
   * @param members each with the trainer that would train its adapter alone, on the same model
   * @throws UsageException when there are none, or one has a setting that concerns the base, which
   *     is the others' too
   * @throws LorikeetException when one of several changes what all rows share ({@link
   *     Adapters#mustAnswerRows})
   */
  public JointTrainer(Adapters adapters, Map<String, Trainer> members) {
    if (members.isEmpty()) {
      throw new UsageException("there is nobody to train: give at least one adapter");
    }
    this.adapters = adapters;
    this.members = new LinkedHashMap<>(members);
    model = members.values().iterator().next().model;
    members.forEach(this::mustFit);
    if (members.size() > 1) {
      adapters.mustAnswerRows(members.keySet());
    }
  }

  /** Lets the runs be saved, in one folder, and go on together. */
  public JointTrainer checkpoints(@Nullable Checkpoints folder) {
    checkpoints = folder;
    return this;
  }

  private void mustFit(String name, Trainer trainer) {
    Set<?> own = Set.copyOf(adapters.get(name).parameters().values());
    boolean others = trainer.trainables.stream().anyMatch(t -> !own.contains(t.parameter()));
    Trainer first = members.values().iterator().next();
    if (others || trainer.model != model || trainer.padTokenId != first.padTokenId) {
      throw new UsageException(
          name + ": its trainer is for another adapter, model or tokenizer than the set's");
    }
    if (!trainer.config.checkpoint().equals(first.config.checkpoint())) {
      throw new UsageException(
          name
              + ": save_strategy, save_steps or save_total_limit is another than the first's, and"
              + " all are saved together: make them the same");
    }
    if (trainer.isPacked()) {
      throw new UsageException(
          name
              + ": packing makes one row of a batch's documents, and rows of several adapters must"
              + " stay apart: leave it out, or train alone");
    }
    if (trainer.config.throughput().gradientCheckpointing()) {
      throw new UsageException(
          name
              + ": gradient_checkpointing would compute layers again when all members' rows are"
              + " done: leave it out and lower max_tokens_per_pass, or train alone");
    }
    if (trainer.config.throughput().cacheFrozenLayers()) {
      throw new UsageException(
          name
              + ": cache_frozen_layers keeps what one adapter's layers read, and members share their"
              + " passes: leave it out, or train alone");
    }
    if (trainer.objective.pairing() != Objective.Pairing.ROWS) {
      throw new UsageException(
          name
              + ": its objective compares rows, and rows of several adapters are answered apart:"
              + " train alone");
    }
    RegularizationConfig settings = trainer.config.regularization();
    if (settings.neftuneNoiseAlpha() > 0 || settings.mixout() > 0) {
      throw new UsageException(
          name
              + (settings.mixout() > 0 ? ": mixout" : ": neftune_noise_alpha")
              + " changes the base, which others train on too: leave it out, or train alone");
    }
  }

  /**
   * Trains until the last member is done, and leaves each as {@link Trainer#run} would. No adapter
   * is active then.
   *
   * @return what each member did and cost, in their order
   * @throws RunInterrupted when the runs were asked to stop, after they have been saved
   * @throws UsageException when a member's parameter group matches nothing, or it is to be saved
   *     and there is no folder for that
   * @throws LorikeetException as {@link Trainer#run}, naming the member
   */
  public Map<String, TrainingResult> run() {
    try (Model.Lease alone = model.exclusive()) {
      return runAlone();
    }
  }

  private Map<String, TrainingResult> runAlone() {
    PeakMemory.reset();
    adapters.activate();
    List<Member> all = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      members.forEach((name, trainer) -> all.add(new Member(name, trainer)));
      Saving saving = saving(all);
      saving.resume();
      all.forEach(member -> member.alone(member.run::start));
      JointPass pass = pass(all);
      for (List<Member> live = live(all); !live.isEmpty(); live = live(all)) {
        List<FinishedStep> steps = step(pass, live);
        boolean due = false;
        for (int i = 0; i < live.size(); i++) {
          Member member = live.get(i);
          member.settle(steps.get(i));
          due |= saving.isDue(steps.get(i), member.run.isOver());
        }
        saving.settle(due);
      }
      Map<String, TrainingResult> results = new LinkedHashMap<>();
      all.forEach(member -> results.put(member.name, member.end()));
      return results;
    } finally {
      all.forEach(member -> member.run.close());
      model.training(false);
      adapters.activate();
    }
  }

  private static List<Member> live(List<Member> all) {
    return all.stream().filter(member -> !member.run.isOver()).toList();
  }

  private Saving saving(List<Member> all) {
    Map<String, TrainingRun> runs = new LinkedHashMap<>();
    all.forEach(member -> runs.put(member.name, member.run));
    Trainer first = members.values().iterator().next();
    return new Saving(checkpoints, first.config.checkpoint(), runs);
  }

  /** A member whose run is under way. */
  private final class Member {
    final String name;
    final TrainingRun run;

    Member(String name, Trainer trainer) {
      this.name = name;
      run = named(name, () -> trainer.begin(false));
    }

    /** Does something while this member's adapter answers. */
    void alone(Runnable action) {
      alone(
          () -> {
            action.run();
            return name;
          });
    }

    <T> T alone(Supplier<T> action) {
      return named(name, () -> answeredBy(name, action));
    }

    /** Does what follows a step. */
    void settle(FinishedStep step) {
      alone(() -> run.settle(step));
    }

    /** Leaves the parameters as they are to stay. */
    TrainingResult end() {
      return alone(run::end);
    }
  }

  /** Does something whose errors are to tell a member's name. */
  private static <T> T named(String name, Supplier<T> action) {
    try {
      return action.get();
    } catch (UsageException e) {
      throw new UsageException(name + ": " + e.getMessage());
    } catch (LorikeetException e) {
      throw new LorikeetException(name + ": " + e.getMessage(), e);
    }
  }

  private JointPass pass(List<Member> all) {
    Trainer first = members.values().iterator().next();
    int maxTokens =
        members.values().stream()
            .mapToInt(trainer -> trainer.config.maxTokensPerPass(model.mode().device()))
            .min()
            .orElseThrow();
    Map<RunState, String> names = new HashMap<>();
    all.forEach(member -> names.put(member.run.state(), member.name));
    PartLimit limit = new PartLimit(maxTokens, first.listener::remarked);
    return new JointPass(model, adapters, names, first.padTokenId, limit);
  }

  private <T> T answeredBy(String name, Supplier<T> action) {
    adapters.activate(name);
    try {
      return action.get();
    } finally {
      adapters.activate();
    }
  }

  private List<FinishedStep> step(JointPass pass, List<Member> live) {
    try (Scope scope = Scope.open()) {
      List<StepBatch> batches = live.stream().map(member -> member.run.nextBatch()).toList();
      model.training(true);
      Torch.seed(live.get(0).run.stepSeed());
      pass.run(batches);
      List<FinishedStep> steps = new ArrayList<>();
      for (int i = 0; i < live.size(); i++) {
        Member member = live.get(i);
        StepBatch batch = batches.get(i);
        steps.add(member.alone(() -> member.run.update(batch)));
      }
      return steps;
    }
  }
}
