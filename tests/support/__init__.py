"""What tests of several folders share: scenes, stand-ins, a project for the real engine."""
