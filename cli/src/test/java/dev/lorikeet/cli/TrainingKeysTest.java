package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.models.settings.Component;
import dev.lorikeet.training.OptimizerType;
import dev.lorikeet.training.Schedule;
import dev.lorikeet.training.TrainingConfig;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** The keys of a recipe's section {@code training}: typed as flags. */
class TrainingKeysTest {
  /** Settings of optimizers and schedules, whose names say nothing without theirs. */
  private static Set<String> details() {
    Set<String> keys = new TreeSet<>(Set.of("decoupled_weight_decay"));
    Arrays.stream(OptimizerType.values()).forEach(type -> keys.addAll(type.keys()));
    Arrays.stream(Schedule.values()).forEach(schedule -> keys.addAll(schedule.keys()));
    keys.removeAll(Set.of("warmup_ratio", "warmup_steps"));
    return keys;
  }

  private static Set<String> keys() {
    return Component.settingsOf(TrainingConfig.class).stream()
        .map(Component::key)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void everyKeyIsAFlagButTheDetailsOfOptimizersAndSchedules() {
    Set<String> typed =
        new CommandLine(new TrainFlagsTest.Typing())
            .getCommandSpec().options().stream()
                .map(option -> option.longestName().substring(2).replace('-', '_'))
                .collect(Collectors.toSet());
    Set<String> keys = keys();
    keys.removeAll(details());
    keys.removeAll(Set.of("groups", "dropout")); // --lr-group, --hidden-dropout
    assertThat(typed).containsAll(keys).contains("lr_group", "hidden_dropout");
  }
}
