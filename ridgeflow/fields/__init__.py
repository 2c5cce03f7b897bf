"""What is transformed or transported: functions and laws on R^m."""
