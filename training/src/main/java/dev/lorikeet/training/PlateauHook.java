package dev.lorikeet.training;

/** Reduces the learning rate of a run whose evaluations, or else whose losses, get no better. */
final class PlateauHook implements Hook {
  private final Plateau plateau;
  private final ScheduleConfig config;

  /**
   * A hook that counts epochs.
   *
   * @param plateau what it counts, which {@link LearningRates} read
   */
  PlateauHook(Plateau plateau, ScheduleConfig config) {
    this.plateau = plateau;
    this.config = config;
  }

  @Override
  public void afterEpoch(EpochReport report) {
    plateau.offer(report.evaluation(), report.trainLoss(), config);
  }
}
