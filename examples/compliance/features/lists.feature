Feature: Lists can be told apart by whoever picks one in the web interface

  Scenario: Every list has a description
    Given I have squalomail_list defined
    Then it must contain description
    And its value must match the "\S{3,}" regex
