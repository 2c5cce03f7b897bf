"""What is known of the errors of reconstructions: measured, predicted, warned of."""
